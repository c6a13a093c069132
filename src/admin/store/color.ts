// Colours of projects and containers.
import { randomInt } from "node:crypto";

/** `#RGB` or `#RRGGBB` in upper case, whatever way it was sent; a random one when it was not. */
export function colorOf(sent: string | undefined): string {
  const digits = sent?.replace("#", "") ?? randomInt(0x1000000).toString(16).padStart(6, "0");
  return `#${digits.toUpperCase()}`;
}
