// The Date line of a response (RFC 9110 §6.6.1), made once a second.

let madeFor = -1;
let text = "";
let bytes: Uint8Array = new Uint8Array(0);

/** With its CRLF. */
export function dateLine(): string {
  make();
  return text;
}

/** The same as bytes. */
export function dateLineBytes(): Uint8Array {
  make();
  return bytes;
}

function make(): void {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1000);
  if (second === madeFor) return;
  madeFor = second;
  text = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
  bytes = Buffer.from(text, "latin1");
}
