import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileSink } from "./line-sink.ts";

function folder() {
  const path = mkdtempSync(join(tmpdir(), "realmgate-lines-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

describe("a file of lines", () => {
  test("is added to, and for its owner's eyes only", async () => {
    using dir = folder();
    const path = join(dir.path, "access.log");
    for (const text of ["one", "two"]) {
      const sink = await FileSink.open(path);
      await sink.write([text, `${text}!`]);
      await sink.close();
    }
    expect(readFileSync(path, "utf8")).toBe("one\none!\ntwo\ntwo!\n");
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  test("that cannot be opened is said at once", async () => {
    using dir = folder();
    await expect(FileSink.open(join(dir.path, "none", "access.log"))).rejects.toThrow("ENOENT");
  });

  test.each(["renamed", "removed"])("that was %s is begun anew under its name", async (how) => {
    using dir = folder();
    const path = join(dir.path, "access.log");
    const rotated = `${path}.1`;
    let nowMs = 0;
    const sink = await FileSink.open(path, () => nowMs);
    await sink.write(["before"]);
    if (how === "renamed") {
      renameSync(path, rotated);
    } else {
      rmSync(path);
    }
    await sink.write(["still there"]);
    nowMs = 1_000;
    await sink.write(["after"]);
    await sink.close();
    expect(readFileSync(path, "utf8")).toBe("after\n");
    if (how === "renamed") {
      expect(readFileSync(rotated, "utf8")).toBe("before\nstill there\n");
    }
  });
});

test("on stderr whole lines go out in pieces that a pipe takes at once, also when nobody reads for a while", async () => {
  const program = `
    import { StderrSink } from "./line-sink.ts";
    const lines = Array.from({ length: 5_000 }, (_, i) => JSON.stringify({ i, fill: "x".repeat(i % 300) }));
    lines.push(JSON.stringify({ i: 5_000, fill: "y".repeat(10_000) }));
    await new StderrSink().write(lines);
  `;
  const child = Bun.spawn([process.execPath, "-e", program], {
    cwd: import.meta.dir,
    stdout: "ignore",
    stderr: "pipe",
  });
  const text = await new Response(child.stderr).text();
  expect(await child.exited).toBe(0);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ i }) => i)).toEqual(Array.from({ length: 5_001 }, (_, i) => i));
});
