import type { Setting } from "./setting.ts";
import { flagOf, settings } from "./settings.ts";

/** Lines for `--help`: every setting as a flag, with its meaning and default. */
export function settingsHelp(): string {
  const width = Math.max(...Object.keys(settings).map((name) => flagOf(name).length));
  return Object.entries<Setting<unknown>>(settings)
    .map(([name, setting]) => {
      const shown = setting.default === "" ? "" : ` (${setting.default})`;
      return `  ${flagOf(name).padEnd(width)} ${setting.meaning}${shown}`;
    })
    .join("\n");
}
