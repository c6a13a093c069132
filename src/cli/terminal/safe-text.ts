// Text of other people on its way to a terminal: nothing in it may move the cursor, change colours or reorder what is read.

/**
 * Controls (C0, DEL, C1), which begin escape sequences; what changes the direction of text (UAX #9), which makes a name read
 * as another; line separators; and what cannot be seen.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not pass.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** One line, harmless on a terminal: what is unsafe is shown by its number, `\u{1b}`. */
export function safeText(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}

/** JSON of any width: the same document, with everything unsafe escaped as JSON escapes (RFC 8259 §7). */
export function safeJson(json: string): string {
  return json.replace(unsafe, (character) =>
    // Line breaks of the layout are the only ones in it: inside texts they are escaped already.
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
