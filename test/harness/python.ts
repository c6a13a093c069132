// A Python that has what a test needs. The one on PATH need not be the distribution's, which its packages belong to.
import { $ } from "bun";

/** The first of these that imports every module; null when none does. `PATH`: where to look before the system's. */
export async function pythonWith(
  modules: readonly string[],
  PATH = process.env.PATH ?? "",
): Promise<string | null> {
  for (const python of [Bun.which("python3", { PATH }), "/usr/bin/python3"]) {
    if (python === null) continue;
    const { exitCode } = await $`${python} -c ${`import ${modules.join(", ")}`}`.quiet().nothrow();
    if (exitCode === 0) return python;
  }
  return null;
}
