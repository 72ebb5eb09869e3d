"""
The Open Inference Protocol (V2) as the two programs speak it.

`contract` holds every name, type, shape and limit that both sides must agree on, `tensors` and `codec` turn bytes into
checked tensors and back, as JSON (read by `plain_json`) or with the binary tensor extension. Pure functions: nothing
here knows a socket.
"""
