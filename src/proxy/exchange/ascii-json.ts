// JSON text in printable ASCII, for header fields and log lines.

const BEYOND_ASCII = /[^\x20-\x7e]/g;

/**
 * `json` with everything outside printable ASCII as `\uXXXX` (RFC 8259 §7). JSON.stringify leaves bidirectional controls and
 * C1 controls as they are, which reorder a log line or move the cursor of a terminal. Expects the output of JSON.stringify
 * without indentation.
 */
export function asciiJson(json: string): string {
  return json.replace(
    BEYOND_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
