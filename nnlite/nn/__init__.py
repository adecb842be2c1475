"""Layers: modules that own their parameters. Names and default initialisation are those of `torch.nn`."""

from nnlite.nn.container import Residual, Sequential
from nnlite.nn.convolution import Conv2d
from nnlite.nn.linear import Embedding, Linear
from nnlite.nn.lists import ModuleDict, ModuleList, ParameterList
from nnlite.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from nnlite.nn.module import Buffer, Module, Parameter
from nnlite.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from nnlite.nn.parametrize import register_parametrization, remove_parametrization
from nnlite.nn.stateless import (
    GELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "BCELoss", "BCEWithLogitsLoss", "Buffer", "Conv2d",
    "CrossEntropyLoss", "Dropout", "Embedding", "Flatten", "GELU", "HuberLoss", "Identity", "KLDivLoss", "L1Loss", "LayerNorm",
    "LeakyReLU", "Linear", "LogSoftmax", "MaxPool2d", "Module", "ModuleDict", "ModuleList", "MSELoss", "NLLLoss", "Parameter",
    "ParameterList", "ReLU", "Residual", "Sequential", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "register_parametrization", "remove_parametrization",
]
