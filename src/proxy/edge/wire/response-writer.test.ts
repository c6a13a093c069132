import { expect, test } from "bun:test";
import { answered } from "../../upstream/upstream.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import { type WrittenResponse, writeResponse } from "./response-writer.ts";

async function written(
  response: Response,
  isHead = false,
  how: WrittenResponse = "kept",
): Promise<string> {
  let text = "";
  const sink = {
    listener: PLAIN_SCOPE,
    minorVersion: 1,
    isHead,
    isClosed: false,
    send(bytes: Uint8Array, start: number, end: number) {
      text += Buffer.from(bytes.subarray(start, end)).toString("latin1");
      return true;
    },
    whenDrained: () => Promise.resolve(),
  };
  expect(await writeResponse(sink, answered(response), true)).toBe(how);
  return text.replace(/date: [^\r]+\r\n/i, "");
}

test.each([{}, { "content-length": "5" }])(
  "205 promises no body when the program says %j",
  async (headers) => {
    const response = new Response(null, { status: 205, statusText: "Reset", headers });
    expect(await written(response)).toBe("HTTP/1.1 205 Reset\r\ncontent-length: 0\r\n\r\n");
  },
);

test.each([
  [304, false, "content-length: 5\r\n"],
  [204, false, ""],
  [200, true, "content-length: 5\r\n"],
])("%d (HEAD: %j) has the length that no body follows", async (status, isHead, line) => {
  const response = new Response(null, {
    status,
    statusText: "X",
    headers: { "content-length": "5" },
  });
  expect(await written(response, isHead)).toBe(`HTTP/1.1 ${status} X\r\n${line}\r\n`);
});

test.each([
  ["010", "10"],
  ["00", "0"],
  ["0", "0"],
  ["100", "100"],
])("a length of %s is said as %s", async (said, heard) => {
  const response = new Response(null, { headers: { "content-length": said } });
  expect(await written(response, true)).toBe(`HTTP/1.1 200 OK\r\ncontent-length: ${heard}\r\n\r\n`);
});

test.each(["a\r\nSet-Cookie: x=1", "a\u010d\u010aSet-Cookie: x=1", "a\nb", "a\0b"])(
  "the reason %j, which is none, becomes no line of the head",
  async (statusText) => {
    const response = new Response(null, { status: 204, statusText });
    expect(await written(response)).toBe("HTTP/1.1 204 No Content\r\n\r\n");
  },
);

test("a reason beyond ASCII keeps its bytes", async () => {
  const response = new Response(null, { status: 204, statusText: "d\u00e9j\u00e0" });
  expect(await written(response)).toBe("HTTP/1.1 204 d\u00e9j\u00e0\r\n\r\n");
});

test.each([
  [null, ""],
  ["abc", "abc"],
  ["abcdef", ""],
])(
  "a connection does not go on behind a body that has not its length of 5: %j",
  async (body, sent) => {
    const response = new Response(body, { headers: { "content-length": "5" } });
    const [head, tail] = (await written(response, false, "broken")).split("\r\n\r\n");
    expect(head).toContain("content-length: 5");
    expect(tail).toBe(sent);
  },
);

test("bytes beyond ASCII in a field of a program over fetch end no line", async () => {
  const bytes = Buffer.from(
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: \u010d\u010aEvil: 1\r\n\r\n",
  );
  const program = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end(bytes) },
  });
  const text = await written(await fetch(`http://127.0.0.1:${program.port}/`));
  program.stop(true);
  expect(text).toContain("x-a: \xc4\x8d\xc4\x8aEvil: 1\r\n");
});
