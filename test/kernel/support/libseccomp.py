"""Compiles rules with libseccomp: one JSON document a line in, one out.

In: {"default": ACTION, "architectures": [NAME, …], "optimize": 1|2,
     "rules": [{"name": …, "action": ACTION, "tests": [{"index", "operator", "value", "mask"}, …]}, …]}
with actions as the 32 bits that a filter returns, and 64-bit values as text.
Out: {"program": BASE64} or {"error": …}. A line {"names": [...], "architecture": NAME} asks which of the names libseccomp knows.
"""
import base64
import json
import sys
import tempfile

import seccomp

OPERATORS = {
    "ne": seccomp.NE, "lt": seccomp.LT, "le": seccomp.LE, "eq": seccomp.EQ,
    "ge": seccomp.GE, "gt": seccomp.GT, "masked-eq": seccomp.MASKED_EQ,
}
ARCHITECTURES = {
    "x86_64": seccomp.Arch.X86_64, "x86": seccomp.Arch.X86, "x32": seccomp.Arch.X32,
    "aarch64": seccomp.Arch.AARCH64, "arm": seccomp.Arch.ARM,
}
FOREIGN = 0x80000000


def signed(action):
    """The bindings take an int of C."""
    return action - (1 << 32) if action >= 1 << 31 else action


def argument(test):
    value = int(test["value"])
    if test["operator"] == "masked-eq":
        return seccomp.Arg(test["index"], OPERATORS["masked-eq"], int(test["mask"]), value)
    return seccomp.Arg(test["index"], OPERATORS[test["operator"]], value)


def compile_rules(request):
    made = seccomp.SyscallFilter(signed(request["default"]))
    made.set_attr(seccomp.Attr.ACT_BADARCH, signed(FOREIGN))
    made.set_attr(seccomp.Attr.CTL_OPTIMIZE, request["optimize"])
    wanted = [ARCHITECTURES[name] for name in request["architectures"]]
    for architecture in wanted:
        if not made.exist_arch(architecture):
            made.add_arch(architecture)
    if int(seccomp.Arch()) not in [int(architecture) for architecture in wanted]:
        made.remove_arch(seccomp.Arch())
    for rule in request["rules"]:
        made.add_rule(signed(rule["action"]), rule["name"], *[argument(test) for test in rule["tests"]])
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return {"program": base64.b64encode(file.read()).decode()}


def known(request):
    architecture = ARCHITECTURES[request["architecture"]]
    return {"known": [name for name in request["names"] if seccomp.resolve_syscall(architecture, name) >= 0]}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = known(request) if "names" in request else compile_rules(request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
