import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pythonWith } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-python-"));
const system = "/usr/bin/python3";

/** A `python3` in `folder` that ends with this exit code. */
function makePython(exitCode: number): string {
  const file = join(folder, "python3");
  writeFileSync(file, `#!/bin/sh\nexit ${exitCode}\n`);
  chmodSync(file, 0o755);
  return file;
}

afterAll(() => rmSync(folder, { recursive: true }));

test("is the one on PATH where that has what is needed", async () => {
  const first = makePython(0);
  expect(await pythonWith(["sys"], folder)).toBe(first);
});

test.skipIf(!existsSync(system))(
  "is the system's where the one on PATH does not have what is needed, or there is none",
  async () => {
    makePython(1);
    expect(await pythonWith(["sys"], folder)).toBe(system);
    expect(await pythonWith(["sys"], join(folder, "none"))).toBe(system);
  },
);

test("is null where no Python has it", async () => {
  makePython(1);
  expect(await pythonWith(["no_such_module"], folder)).toBeNull();
});
