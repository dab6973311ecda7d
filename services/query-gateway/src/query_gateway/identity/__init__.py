"""Who is asking, and for which tenant.

A request *presents* something (`presented`); a *mode* looks at it and says which *principal* it
comes from, or that it does not apply (`principal`); the first that applies decides (`modes`). The
principal holds *tenants*, and names one of them (`tenant`).
"""
