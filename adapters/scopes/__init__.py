"""Which arrays of a model may change: what must travel to the device, and how many bytes that is."""

from adapters.scopes.film import film as film
from adapters.scopes.int8 import int8_bytes as int8_bytes
from adapters.scopes.lora import lora as lora
from adapters.scopes.lora import lora_fits as lora_fits
from adapters.scopes.scope import Arrays as Arrays
from adapters.scopes.scope import Factors as Factors
from adapters.scopes.scope import Scope as Scope
from adapters.scopes.scope import free_count as free_count
from adapters.scopes.scope import size_bytes as size_bytes
from adapters.scopes.scope import union as union
from adapters.scopes.sensor import sensor as sensor
from adapters.scopes.whole import bias as bias
from adapters.scopes.whole import full as full
from adapters.scopes.whole import head as head
from adapters.scopes.whole import input_statistics as input_statistics
from adapters.scopes.whole import norm_affine as norm_affine
from adapters.scopes.whole import norm_statistics as norm_statistics
from adapters.scopes.whole import top as top
