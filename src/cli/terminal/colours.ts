// Colours on a terminal, unless NO_COLOR is set (no-color.org).
import type { Out } from "./io.ts";

export interface Colours {
  readonly strong: (text: string) => string;
  readonly bad: (text: string) => string;
}

export function colours(
  out: Out,
  environment: Readonly<Record<string, string | undefined>>,
): Colours {
  const able = out.isTerminal && environment.TERM !== "dumb" && !environment.NO_COLOR;
  if (!able) return plain;
  return {
    strong: (text) => `\u001b[1m${text}\u001b[0m`,
    bad: (text) => `\u001b[31m${text}\u001b[0m`,
  };
}

const plain: Colours = { strong: (text) => text, bad: (text) => text };
