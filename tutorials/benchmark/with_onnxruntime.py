"""The pieces of work as ONNX Runtime does them. onnxruntime and onnx are imported when they are used.

`export` writes the models, float32 and int8, in the process that asks; the worker only reads them.
"""

from pathlib import Path

from nnlite.bench.works import images_for, matrices_for

threads = 1


def set_threads(n):
    global threads
    threads = n


def prepare(work):
    """An inference, or an int8 matrix product, as a function without arguments."""
    if work["do"] == "matmul":
        (a, b) = matrices_for(work)
        return runner(matmul_integer(b), a)
    return runner(model_file(work["folder"], work["model"], work["arithmetic"]), images_for(work)[0])


def runner(model, x):
    """model: a path or the bytes of an ONNX file with one input x and one output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def model_file(folder, model, arithmetic):
    return str(Path(folder) / f"{model}-{arithmetic}.onnx")


def matmul_integer(b):
    """An ONNX file, as bytes: y = x b in int32, x (M, K) uint8, b (K, N) int8 in the file."""
    import onnx

    node = onnx.helper.make_node("MatMulInteger", ["x", "b"], ["y"])
    return serialized([node], {"b": b}, onnx.TensorProto.UINT8, ("M", b.shape[0]), onnx.TensorProto.INT32)


def serialized(nodes, constants, kind, shape, result):
    """An ONNX file, as bytes: input x of this kind and shape, output y of kind `result`."""
    import onnx

    helper = onnx.helper
    graph = helper.make_graph(nodes, "bench", [helper.make_tensor_value_info("x", kind, shape)],
                              [helper.make_tensor_value_info("y", result, None)],
                              [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def export(model, images, folder, name):
    """Write an nnlite model as NAME-float32.onnx and NAME-int8.onnx (QDQ, per channel, calibrated with the images)."""
    from nnlite.inference.export import to_onnx  # not at the top: the worker only reads files, without nnlite's kernels

    float32, int8 = model_file(folder, name, "float32"), model_file(folder, name, "int8")
    Path(float32).write_bytes(to_onnx(model, images[:1]))
    quantize(float32, int8, images)


def quantize(float32, int8, images):
    """ONNX Runtime's own static quantization: uint8 activations, int8 weights with a scale for each channel."""
    import logging

    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):
        def __init__(self):
            self.batches = iter([{"x": images}])

        def get_next(self):
            return next(self.batches, None)

    logging.disable(logging.WARNING)  # it advises a preparation that has nothing to do here: the graph is small and folded
    try:
        quantization.quantize_static(
            float32, int8, Images(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax)
    finally:
        logging.disable(logging.NOTSET)
