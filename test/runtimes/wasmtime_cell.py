"""
A second host of compiled cells, on wasmtime: takes a cell's image, goes on with the calls that follow, and gives the image back.
What it relies on is docs/cell-abi.md and nothing else of the engine.

Reads directories, one a line of standard input. In each, `cell.json` says what is to be done, and the files that it names hold modules, memory
and rows; `result.json`, `output.bin` and `after.bin` are written there, and a line says that they are.
"""

import json
import struct
import sys
from pathlib import Path

from wasmtime import Config, Engine, Func, FuncType, Instance, Limits, Memory, MemoryType, Module, Store, ValType

PAGE = 65_536
LAYOUT_WORDS = 8
SLACK = 64
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

# The control block and the heads of ports (engine/compile/support/assembly/control.ts).
HEAP_LIMIT, INPUT_NULLS, WATERMARK, LATE_ROWS = 36, 40, 48, 56
PORT_ROWS, PORT_BODY = 0, 12
# The head of a join (engine/compile/support/assembly/join-layout.ts).
JOIN_REFUSED, JOIN_BODY, JOIN_LAYOUT = 52, 60, 64


class Modules:
    """Compiled once, by their bytes."""

    def __init__(self):
        config = Config()
        # no more of WebAssembly than the modules may use
        for newer in ("relaxed_simd", "threads", "multi_memory", "memory64", "tail_call", "gc", "exceptions"):
            setattr(config, f"wasm_{newer}", False)
        self.engine = Engine(config)
        self.known = {}

    def of(self, path):
        code = path.read_bytes()
        if code not in self.known:
            self.known[code] = Module(self.engine, code)
        return self.known[code]


class Cell:
    def __init__(self, modules, directory, plan):
        self.plan = plan
        self.store = Store(modules.engine)
        self.memory = Memory(self.store, MemoryType(Limits(plan["pages"], PAGE)))
        self.blocks = {}
        self.rows, self.watermark, self.errors = 0, None, {}
        self.at = 0
        self.outputs, self.bodies = [], []
        self.support = Instance(self.store, modules.of(directory / plan["support"]), [self.memory]).exports(self.store)
        self.call("initialise", plan["heap"], plan["limit"])
        self.code = self.instantiate(modules.of(directory / plan["module"]))
        if "positions" in plan:
            self.call("fillPositions", plan["positions"])
        for port in plan["ports"]:
            self.call("portStart", port["head"])

    def call(self, name, *arguments):
        return self.support[name](self.store, *arguments)

    def instantiate(self, module):
        i32 = ValType.i32()
        emit = Func(self.store, FuncType([i32], []), self.emit)
        fail = Func(self.store, FuncType([i32, i32, i32], []), self.fail)
        host = {"memory": self.memory, "emit": emit, "fail": fail}
        wanted = [host[i.name] if i.module == "env" else self.support[i.name] for i in module.imports]
        return Instance(self.store, module, wanted).exports(self.store)

    def word(self, address):
        return struct.unpack("<I", self.memory.read(self.store, address, address + 4))[0]

    def put(self, address, form, value):
        self.memory.write(self.store, struct.pack(form, value), address)

    def restore(self, directory):
        image = self.plan["image"]
        saved = (directory / image["memory"]).read_bytes()
        missing = len(saved) // PAGE - self.memory.size(self.store)
        if missing > 0:
            self.memory.grow(self.store, missing)
        limit = self.word(HEAP_LIMIT)
        for start, end in image["ranges"]:
            self.memory.write(self.store, saved[start:end], start)
        self.put(HEAP_LIMIT, "<I", limit)
        self.take_up(image["host"])

    def take_up(self, host):
        self.rows, self.errors = host["rows"], dict(host["errors"])
        self.watermark = None if host["watermark"] is None else int(host["watermark"])
        self.blocks = {column: [block, capacity] for column, block, capacity in host["blocks"]}

    # -- what the code calls

    def emit(self, index):
        for port in self.plan["ports"]:
            if port["index"] == index:
                self.hand_out(port)

    def fail(self, site, error, row):
        operator = self.plan["sites"][site]
        self.errors[operator] = self.errors.get(operator, 0) + 1

    def hand_out(self, port):
        head, words = port["head"], port["columns"] * LAYOUT_WORDS
        length = self.call("portPack", head)
        body = self.word(head + PORT_BODY)
        layout = struct.unpack(f"<{words}i", self.memory.read(self.store, port["layout"], port["layout"] + words * 4))
        rows = self.word(head + PORT_ROWS)
        self.outputs.append({"port": port["index"], "rows": rows, "layout": layout, "from": self.at, "bytes": length})
        self.bodies.append(bytes(self.memory.read(self.store, body, body + length)))
        self.at += length
        self.call("portReset", head)

    # -- calls

    def process(self, _, body, layout, rows):
        start = 0
        while start < rows:
            count = min(self.plan["input"]["rows"], rows - start)
            self.copy_in(body, layout, start, count)
            self.code["process"](self.store, count)
            start += count
        self.flush()
        self.rows += rows

    def advance(self, time):
        """To a watermark in microseconds; None is the end."""
        if time is not None:
            self.watermark = time
        units = self.plan["timeUnits"]
        if units is None:
            return
        ticks = INT64_MAX if time is None else max(INT64_MIN, min(INT64_MAX, time * units // 1_000_000))
        now = struct.unpack("<q", self.memory.read(self.store, WATERMARK, WATERMARK + 8))[0]
        if ticks > now:
            self.put(WATERMARK, "<q", ticks)
        self.code["advance"](self.store)
        self.flush()

    def flush(self):
        for port in self.plan["ports"]:
            if self.word(port["head"] + PORT_ROWS) > 0:
                self.hand_out(port)

    def copy_in(self, body, layout, start, rows):
        places = self.plan["input"]["places"]
        nulls = 0
        for place in places:
            entry = place["column"] * LAYOUT_WORDS
            values = layout[entry + 3]
            if place["width"] < 0:
                self.copy_variable(body, place, values + start * 4, rows, layout[entry + 5])
            else:
                first = values + (start >> 3 if place["width"] == 0 else start * place["width"])
                length = (rows + 7) >> 3 if place["width"] == 0 else rows * place["width"]
                self.memory.write(self.store, body[first : first + length], place["values"])
            if place["validity"] is not None:
                nulls |= layout[entry]
        if nulls != 0:
            for place in places:
                self.copy_validity(body, layout, place, start, rows)
        self.put(INPUT_NULLS, "<i", nulls)

    def copy_variable(self, body, place, first, rows, base):
        offsets = body[first : first + (rows + 1) * 4]
        self.memory.write(self.store, offsets, place["values"])
        start, end = struct.unpack_from("<i", offsets)[0], struct.unpack_from("<i", offsets, rows * 4)[0]
        block = self.room(place["column"], end - start + SLACK)
        self.memory.write(self.store, body[base + start : base + end], block)
        self.put(place["data"], "<I", (block - start) % 2**32)

    def copy_validity(self, body, layout, place, start, rows):
        if place["validity"] is None:
            return
        entry = place["column"] * LAYOUT_WORDS
        length = (rows + 7) >> 3
        first = layout[entry + 1] + (start >> 3)
        some = layout[entry] != 0 and layout[entry + 2] > 0
        self.memory.write(self.store, body[first : first + length] if some else b"\xff" * length, place["validity"])

    def room(self, column, wanted):
        block, capacity = self.blocks.get(column, [0, 0])
        if wanted > capacity:
            if capacity > 0:
                self.call("release", block, capacity)
            capacity = max(wanted, capacity + (capacity >> 1))
            block = self.call("allocate", capacity)
            self.blocks[column] = [block, capacity]
        return block

    def save(self, directory):
        (directory / "after.bin").write_bytes(self.memory.read(self.store))
        (directory / "output.bin").write_bytes(b"".join(self.bodies))
        late = struct.unpack("<q", self.memory.read(self.store, LATE_ROWS, LATE_ROWS + 8))[0]
        watermark = None if self.watermark is None else str(self.watermark)
        host = {"rows": self.rows, "watermark": watermark, "errors": self.errors, **self.kept()}
        (directory / "result.json").write_text(json.dumps({"outputs": self.outputs, "host": host, "late": late}))

    def kept(self):
        return {"evicted": 0, "blocks": [[column, *place] for column, place in self.blocks.items()]}


class Join(Cell):
    def __init__(self, modules, directory, plan):
        super().__init__(modules, directory, plan)
        self.errors, self.capacity = 0, 0
        self.set(JOIN_LAYOUT, self.call("allocate", plan["columns"] * LAYOUT_WORDS * 4))

    def get(self, offset):
        return self.word(self.plan["join"] + offset)

    def set(self, offset, value):
        self.put(self.plan["join"] + offset, "<I", value)

    def take_up(self, host):
        self.rows, self.errors, self.capacity = host["rows"], host["errors"], host["capacity"]
        self.watermark = None if host["watermark"] is None else int(host["watermark"])

    def process(self, side, body, layout, rows):
        if len(body) > self.capacity:
            if self.capacity > 0:
                self.call("release", self.get(JOIN_BODY), self.capacity)
            self.set(JOIN_BODY, self.call("allocate", len(body)))
            self.capacity = len(body)
        self.memory.write(self.store, body, self.get(JOIN_BODY))
        self.memory.write(self.store, struct.pack(f"<{len(layout)}i", *layout), self.get(JOIN_LAYOUT))
        self.call("joinTake", self.plan["join"], side, rows, INT64_MIN if self.watermark is None else self.watermark)
        self.errors += self.get(JOIN_REFUSED)
        self.rows += rows

    def advance(self, time):
        """To a watermark in microseconds; None is the end."""
        if time is not None:
            self.watermark = time
        while self.call("joinNext", self.plan["join"], INT64_MAX if time is None else time) != 0:
            self.hand_out(self.plan["ports"][0])
        self.flush()

    def kept(self):
        return {"capacity": self.capacity}


def run(modules, directory):
    plan = json.loads((directory / "cell.json").read_text())
    cell = (Join if "join" in plan else Cell)(modules, directory, plan)
    if plan["image"] is not None:
        cell.restore(directory)
    inputs = (directory / "input.bin").read_bytes()
    for call in plan["calls"]:
        if call["kind"] == "batch":
            body = inputs[call["from"] : call["from"] + call["bytes"]]
            cell.process(call["input"], body, call["layout"], call["rows"])
        else:
            cell.advance(int(call["time"]) if call["kind"] == "watermark" else None)
    cell.save(directory)


def main():
    modules = Modules()
    for line in sys.stdin:
        try:
            run(modules, Path(line.rstrip("\n")))
            print("done", flush=True)
        except Exception as error:  # the other side says which cell it was
            print(f"failed: {error}".replace("\n", " | "), flush=True)


main()
