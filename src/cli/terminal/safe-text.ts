// Makes untrusted text safe for a terminal: it must not move the cursor, change colours or reorder what people read.

/**
 * Control characters (C0, DEL, C1), which begin escape sequences; bidirectional controls (UAX #9), which make one name look like
 * another; line separators; and invisible characters.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** One safe line: replaces each unsafe character by its code, `\u{1b}`. */
export function safeText(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}

/** The same JSON document with unsafe characters escaped (RFC 8259 §7). */
export function safeJson(json: string): string {
  return json.replace(unsafe, (character) =>
    // Only the layout has line breaks: strings have them escaped already.
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
