"""The words that options of the command line take."""

MODELS = ("cnn", "mlp", "lenet-300-100", "lenet-5", "resnet")
LAWS = ("fixed", "once", "float")
LAW = ("how sums are scaled back to 8 bits. fixed: in integers, rounded twice as gemmlowp does; once: in integers, rounded "
       "once, TensorFlow Lite's other way; float: in float32 as ONNX Runtime does (default: fixed)")
DATA = ("digits", "mnist", "fashion-mnist", "cifar10")
STRATEGIES = ("head", "features", "all", "rates", "gradual", "l2sp", "lora", "lp-ft")
SCORES = ("logme", "leep", "h-score")
LOSSES = ("hinton", "decoupled", "hints", "attention", "relational", "mutual")
FUSIONS = ("average", "rebasin", "greedy", "task", "ensemble")
OBSERVERS = ("minmax", "average", "percentile", "mse", "kl")
CRITERIA = ("magnitude", "squared", "geometric-median", "taylor", "fisher", "obd", "wanda", "obs", "random")
