import { describe, expect, test } from "bun:test";
import { type CurlCall, parseCall } from "./call.ts";
import { jsonParameters, queryParameters } from "./parameters.ts";

function parsed(query: string) {
  const parameters = queryParameters(query);
  if (parameters === null) throw new Error("the query cannot be read");
  return parseCall(parameters, "json");
}

function call(query: string): CurlCall {
  const result = parsed(query);
  if (!result.ok) throw new Error(result.problem);
  return result.call;
}

const text = (bytes: Uint8Array | null) =>
  bytes === null ? null : new TextDecoder().decode(bytes);
const U = "url=https://h/x";

test("the seed's link is a POST of JSON with a bearer token", () => {
  const made = call(
    `${U}&method=POST&auth=Bearer%20jwt-token&body=${encodeURI('{"command":"ls -la"}')}`,
  );
  expect(made.url).toBe("https://h/x");
  expect(made.method).toBe("POST");
  expect(Object.fromEntries(made.headers)).toEqual({
    authorization: "Bearer jwt-token",
    "content-type": "application/json",
  });
  expect(text(made.body)).toBe('{"command":"ls -la"}');
});

describe("a body", () => {
  test.each([
    ["body=%7B%7D", "{}", "application/json"],
    ["data=a%3D1%26b", "a=1&b", "application/x-www-form-urlencoded"],
    ["json=%5B1%5D", "[1]", "application/json"],
    ["data_base64=aGk%3D", "hi", null],
    ["body_base64=aGk%3D&data=x", "hi", null],
    ["data=%C3%A9", "é", "application/x-www-form-urlencoded"],
    ["data=", "", "application/x-www-form-urlencoded"],
    ["data=x&header=Content-Type:%20text/plain", "x", "text/plain"],
  ])("from %s is %j of type %p, and makes it a POST", (query, body, type) => {
    const made = call(`${U}&${query}`);
    expect([text(made.body), made.headers.get("content-type"), made.method]).toEqual([
      body,
      type,
      "POST",
    ]);
  });

  test("in base64 is these bytes", () => {
    const bytes = new Uint8Array([0, 255, 128, 10]);
    const base64 = encodeURIComponent(Buffer.from(bytes).toString("base64"));
    expect(call(`${U}&data_base64=${base64}`).body).toEqual(bytes);
  });
});

test("headers are taken as they are, several times each", () => {
  const made = call(
    `${U}&header=X-A:%20one&header=x-a:two&header=X-B:&bearer_token=t&user_agent=me&referer=http://r/`,
  );
  expect(Object.fromEntries(made.headers)).toEqual({
    "x-a": "one, two",
    "x-b": "",
    authorization: "Bearer t",
    "user-agent": "me",
    referer: "http://r/",
  });
});

test("what is not said takes its default, and what is not known is not looked at", () => {
  expect(
    call(`${U}&key=s3cret&insecure=true&compressed=1&job_name=j&mode=sync&save=false`),
  ).toEqual({
    url: "https://h/x",
    method: "GET",
    headers: new Headers(),
    body: null,
    form: "json",
    followRedirects: true,
    timeoutMs: 30_000,
  });
  expect(
    call(`${U}&response=transparent&follow_redirects=false&timeout=0.5&method=head`),
  ).toMatchObject({ form: "transparent", followRedirects: false, timeoutMs: 500, method: "HEAD" });
});

describe("a call is refused", () => {
  test.each([
    ["", "url is missing"],
    ["url=", "url is missing"],
    [`${U}&${U}`, "url is there more than once"],
    [`${U}&method=GET&method=POST`, "method is there more than once"],
    [`${U}&method=TRACE`, "method is not"],
    [`${U}&method=CONNECT`, "method is not"],
    [`${U}&method=`, "method is not"],
    [`${U}&method=GET&body=x`, "carry no body"],
    [`${U}&json=%7B`, "not JSON"],
    [`${U}&json=1&data=2`, "two bodies"],
    [`${U}&data_base64=a`, "not base64"],
    [`${U}&data_base64=aGk%3D%0A`, "not base64"],
    [`${U}&auth=a&bearer_token=b`, "several authorizations"],
    [`${U}&auth=a&header=Authorization:b`, "several authorizations"],
    [`${U}&header=nonsense`, "`Name: value`"],
    [`${U}&header=:value`, "`Name: value`"],
    [`${U}&header=a%20b:value`, "`Name: value`"],
    [`${U}&header=X:a%0D%0AHost:%20evil`, "`Name: value`"],
    [`${U}&header=X:%E2%82%AC`, "`Name: value`"],
    [`${U}&auth=Bearer%0Ax`, "`Name: value`"],
    [`${U}&header=Host:evil.test`, "cannot be set"],
    [`${U}&header=Content-Length:%205`, "cannot be set"],
    [`${U}&header=transfer-encoding:chunked`, "cannot be set"],
    [`${U}&header=Connection:%20Upgrade`, "cannot be set"],
    [`${U}&header=Upgrade:websocket`, "cannot be set"],
    [U + "&header=X:y".repeat(33), "more than 32"],
    [`${U}&response=html`, "response is"],
    [`${U}&follow_redirects=maybe`, "follow_redirects is"],
    [`${U}&timeout=0`, "timeout is"],
    [`${U}&timeout=61`, "timeout is"],
    [`${U}&timeout=-1`, "timeout is"],
    [`${U}&timeout=NaN`, "timeout is"],
    [`${U}&timeout=Infinity`, "timeout is"],
    [`${U}&mode=async`, "mode other than sync is not supported"],
    [`${U}&session_id=s`, "session_id is not supported"],
    [`${U}&save=true`, "save is not supported"],
    [`${U}&save_path=x`, "save_path is not supported"],
  ])("%s: %s", (query, problem) => {
    const result = parsed(query);
    expect(result.ok ? "" : result.problem).toContain(problem);
  });
});

test("a query that is not percent-encoded UTF-8 is none", () => {
  expect(queryParameters("url=%ff")).toBeNull();
  expect(queryParameters("url=%")).toBeNull();
});

describe("a JSON body", () => {
  test("says the same", () => {
    const parameters = jsonParameters(
      JSON.stringify({
        url: "https://h/x",
        header: { "X-A": "1", "X-B": 2 },
        json: { command: "ls" },
        timeout: 5,
        follow_redirects: false,
      }),
    );
    const result = parameters === null ? null : parseCall(parameters, "transparent");
    expect(result?.ok === true ? Object.fromEntries(result.call.headers) : null).toEqual({
      "x-a": "1",
      "x-b": "2",
      "content-type": "application/json",
    });
    expect(result?.ok === true ? text(result.call.body) : null).toBe('{"command":"ls"}');
    expect(jsonParameters('{"header":["A: 1","B: 2"]}')?.get("header")).toEqual(["A: 1", "B: 2"]);
  });

  test.each(["", "[]", "null", "1", '{"url":{}}', '{"url":null}', '{"header":[1,{}]}', "{"])(
    "%s is no call",
    (json) => {
      expect(jsonParameters(json)).toBeNull();
    },
  );

  test.each([
    '{"url":"https://h/x","json":{"id":12345678901234567890}}',
    '{"url":"https://h/x","json":[1e400]}',
    '{"url":"https://h/x","json":{"a":1,"a":2}}',
    '{"url":"https://h/x","url":"https://h/y"}',
  ])("%s would not be sent as it is written", (json) => {
    expect(jsonParameters(json)).toBeNull();
  });

  test("JSON as text is sent as it is written", () => {
    const json = '{"id":12345678901234567890}';
    const parameters = jsonParameters(JSON.stringify({ url: "https://h/x", json }));
    const result = parameters === null ? null : parseCall(parameters, "transparent");
    expect(result?.ok === true ? text(result.call.body) : null).toBe(json);
  });
});
