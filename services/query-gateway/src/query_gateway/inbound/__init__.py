"""The tenants' side: how requests come in, and how answers go out.

aiohttp serves everything. What it costs per request is most of what the gateway costs for a small
query (`make bench-gateway`), so in front of it is a lane for requests of the one plain shape that
clients send all the time. What the lane does not recognise at once goes to aiohttp as it came.
"""
