import type { HeaderLines } from "../../http1/header-lines.ts";

/** All lines as the platform's object, for what takes nothing else. */
export function headersOf(lines: HeaderLines): Headers {
  const headers = new Headers();
  for (let line = 0; line < lines.count; line++) {
    headers.append(lines.name(line), lines.value(line));
  }
  return headers;
}
