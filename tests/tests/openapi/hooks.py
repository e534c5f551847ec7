"""What the document says of texts only in words, so that requests get past the reading of them."""

import ipaddress

import schemathesis
from hypothesis import strategies


def network(address, cut):
    """The block of an address that is so many bits larger than it."""
    return str(ipaddress.ip_network((address, max(0, address.max_prefixlen - cut)), strict=False))


schemathesis.openapi.format(
    "x-prefix",
    strategies.one_of(
        strategies.builds(network, strategies.ip_addresses(), strategies.integers(0, 24)),
        strategies.ip_addresses().map(str),
    ),
)

PREFIXES = {
    "AnnounceList": ["prefixes", "services"],
    "WithdrawList": ["prefixes"],
    "OwnerRoutes": ["prefixes", "services"],
    "OwnerPatch": ["announce", "services", "withdraw"],
}

ORDERS = ["PeerDisable", "PeerEnable", "PeerRefresh", "PeerReset"]
PEER = "10.9.0.2"

schemathesis.openapi.format("x-peer", strategies.sampled_from([PEER, "*"]))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    schemas = raw_schema["components"]["schemas"]
    for name, fields in PREFIXES.items():
        for field in fields:
            schemas[name]["properties"][field]["items"]["format"] = "x-prefix"
    for name in ORDERS:
        schemas[name]["properties"]["peers"]["items"]["format"] = "x-peer"
    for path, page in raw_schema["paths"].items():
        for operation in page.values():
            for parameter in operation.get("parameters", []):
                if (path, parameter["name"]) == ("/v1/routes/{prefix}", "prefix"):
                    parameter["schema"]["format"] = "x-prefix"
                if (path, parameter["name"]) == ("/v1/peers/{name}", "name"):
                    parameter["schema"]["enum"] = [PEER]
                if parameter["name"] == "address":
                    parameter["schema"]["format"] = "ipv4"
