import { expect, test } from "bun:test";
import { existsSync, openSync } from "node:fs";

const FULL = "/dev/full";

test.skipIf(!existsSync(FULL))("a log on a full disk throws nothing and ends nothing", async () => {
  const script = `
    import { surviveEscaped } from "${import.meta.dir}/../guard/escaped-errors.ts";
    import { stderrLog } from "${import.meta.dir}/stderr-log.ts";
    const log = stderrLog("test");
    surviveEscaped(log);
    for (let n = 0; n < 3; n++) log.error({ n }, "a line");
    setTimeout(() => { throw new Error("escapes"); }, 1);
    setTimeout(() => console.log("lives"), 20);
    await Bun.sleep(50);`;
  const process = Bun.spawn(["bun", "-e", script], {
    stdout: "pipe",
    stderr: openSync(FULL, "w"),
  });
  expect(await new Response(process.stdout).text()).toBe("lives\n");
  expect(await process.exited).toBe(0);
});
