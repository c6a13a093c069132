// The cookies that go to a program beside a JWT, against what programs make of a Cookie line: none may find another value under
// the name of the group's source.
import { expect, test } from "bun:test";
import { cookieWithout, RequestCredentials } from "../../src/proxy/gate/credentials.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const rounds = 6000;
const SOURCE = { kind: "cookie", name: "my_session" } as const;

/** The values that a program finds under the name. A line is bytes, each a character. */
type Reading = (line: string) => string[];

/** Splits at `separator`, and each pair at its first `=`; `read` makes a name of what stands before it (null: no cookie). */
function reading(
  separator: RegExp | string,
  read: (name: string) => string | null,
  isSame: (name: string) => boolean = (name) => name === SOURCE.name,
): Reading {
  return (line) =>
    line.split(separator).flatMap((pair) => {
      const equals = pair.indexOf("=");
      const name = equals === -1 ? null : read(pair.slice(0, equals));
      return name !== null && isSame(name) ? [pair.slice(equals + 1)] : [];
    });
}

const bytes = (name: string) =>
  name.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
const spaced = (name: string) => bytes(name.replaceAll("+", " "));
const units = (name: string) =>
  spaced(name).replace(/%u([0-9a-f]{4})/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
const utf8 = (name: string) => Buffer.from(name, "latin1").toString();
const trimLeft = (name: string) => name.replace(/^[ \t\n\v\f\r]+/, "");
const foldCase = (name: string) => name.toLowerCase() === SOURCE.name;

/** php_register_variable_ex: a C string, an array from `[` on, ` ` and `.` are `_`. */
function php(name: string): string {
  const text = (name.split("\0")[0] ?? "").replace(/^ +/, "");
  const array = /^([^[]+)\[[^\]]*\]/.exec(text);
  return (array?.[1] ?? text).replace(/[ .[]/g, "_");
}

function component(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

/** werkzeug._internal._cookie_unquote, before 2.3. */
function unquoted(name: string): string {
  if (!/^".*"$/s.test(name) || name.length < 2) return name;
  return name
    .slice(1, -1)
    .replace(/\\([0-3][0-7][0-7]|.)/g, (_, each: string) =>
      each.length === 3 ? String.fromCharCode(Number.parseInt(each, 8)) : each,
    );
}

const readings: Record<string, Reading> = {
  "RFC 6265 (Go, Node's cookie, Django)": reading(";", (name) => name.trim()),
  "letter case folded (nginx, ASP.NET, Nim)": reading(";", (name) => name.trim(), foldCase),
  PHP: reading(";", (name) => php(trimLeft(name))),
  "PHP before 7.2.34 (CVE-2020-7070)": reading(";", (name) => php(spaced(trimLeft(name)))),
  // parse_str over the line, `;` as `&`.
  "Workerman (PHP)": reading(/; ?|&/, (name) => php(spaced(name))),
  "Rack 1 and Sinatra, which trim a key": reading(/[;,] */, (name) => spaced(name).trim()),
  "Plack and CGI::Cookie of Perl": reading(/[;,]\s?/, (name) => spaced(name.trim())),
  "cookie-rs, encoded": reading(";", (name) => component(name.trim())),
  "ASP.NET Core before 5": reading(";", (name) => component(name.trim()), foldCase),
  "System.Web, HttpUtility.UrlDecode": reading(";", (name) => units(name).trim(), foldCase),
  "compared in normal form and upper case": reading(
    ";",
    (name) => utf8(spaced(name)).normalize("NFKC").trim(),
    (name) => name.toUpperCase() === SOURCE.name.toUpperCase(),
  ),
  "js-cookie and programs that trim what they decoded": reading(
    ";",
    (name) => component(name.replaceAll("+", " "))?.trim() ?? null,
  ),
  "trim() of PHP, NUL included": reading(";", (name) =>
    spaced(name).replace(/^[\0\s]+|[\0\s]+$/g, ""),
  ),
  "SimpleCookie of Python, Tomcat's legacy parser": reading(/[;,\s]+/, (name) => name),
  "Werkzeug before 2.3": reading(";", (name) => unquoted(name.trim())),
  "Werkzeug before 2.2.3 (CVE-2023-23934)": (line) =>
    reading(";", (name) => name.trim())(
      line
        .split(";")
        .map((pair) => pair.replace(/^\s*=+/, ""))
        .join(";"),
    ),
  "C string": reading(";", (name) => bytes(name.trim()).split("\0")[0] ?? ""),
  "control characters dropped": reading(";", (name) =>
    [...bytes(name)]
      .filter((each) => each > "\x1f" && each !== "\x7f")
      .join("")
      .trim(),
  ),
  "`_` for whatever is no letter or digit": reading(";", (name) =>
    name.trim().replace(/[^A-Za-z0-9]/g, "_"),
  ),
  "three programs that decode": reading(";", (name) => spaced(spaced(spaced(name))).trim()),
};

const around =
  `%20 %09 %00 %0a %a0 %C2%A0 %e2%80%8b %ef%bb%bf %2520 + %2B %252B = " %22 [ [] [x] %5B%5D \0 \t \xa0 \x85 \x0b`
    .split(" ")
    .concat(" ", "\\", ", ", " a=1 ", "a=1&", "&", "x", "%", "%zz", "%ff");
const within = ["%73", "%u0073", "S", "%C5%BF", "\xc5\xbf", "%EF%BD%93", "\\163", "\\s", "%2573"];

/** A name that some program may read as the source's, or not. */
function randomName(random: Random): string {
  let name: string = SOURCE.name;
  for (let changes = random.below(4); changes > 0; changes--) {
    const kind = random.below(7);
    const at = random.below(name.length);
    const hex = name.charCodeAt(at).toString(16).padStart(2, "0");
    if (kind === 0) name = random.pick(around) + name;
    else if (kind === 1) name += random.pick(around);
    else if (kind === 2) name = name.replace("s", random.pick(within));
    else if (kind === 3) name = name.replace("_", random.pick([".", " ", "-", "+", "%20", "["]));
    else if (kind === 4) name = `"${name}"`;
    else if (kind === 5) name = `${name.slice(0, at)}%${hex}${name.slice(at + 1)}`;
    else name = name.slice(0, at) + random.pick(around) + name.slice(at);
  }
  return name;
}

function randomLine(random: Random): string {
  const pairs = random.list(1 + random.below(3), () => `${randomName(random)}=EVIL`);
  if (random.chance(0.7)) pairs.splice(random.below(pairs.length + 1), 0, `${SOURCE.name}=GOOD`);
  return pairs.map((pair) => (random.chance(0.5) ? ` ${pair}` : pair)).join(";");
}

test(`C11 no program finds another cookie in place of the one that was verified (seed ${seed})`, () => {
  const random = randomFrom(seed);
  const fooled = new Set<string>();
  const slips: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const line = randomLine(random);
    const found = new RequestCredentials({ get: () => line, forEach: () => {} }, "/");
    const isVerified = found.cookie(SOURCE.name) === "GOOD";
    const kept = cookieWithout(line, isVerified ? [] : [SOURCE], [SOURCE]) ?? "";
    for (const [program, read] of Object.entries(readings)) {
      if (read(line).some((value) => value.includes("EVIL"))) fooled.add(program);
      const values = read(kept);
      if (values.some((value) => value !== "GOOD")) {
        slips.push(`${JSON.stringify(line)} leaves ${JSON.stringify(kept)}: ${program}`);
      }
    }
  }
  expect(slips.slice(0, 20)).toEqual([]);
  // Each program would have taken another one.
  expect(fooled.size).toBe(Object.keys(readings).length);
});

test("cookies of other names stay as they came", () => {
  const others = [
    ...["xmy_session", "my_sessions", "my_sessio", "mysession", "my_session2", "session", "%", "+"],
    ...[
      "a[my_session]",
      "my__session",
      "%25my_session%25",
      "x%20my_session",
      '"x"',
      "my_%5fsession",
    ],
  ];
  const line = `${others.map((name) => `${name}=1`).join("; ")}; my_session=GOOD`;
  expect(cookieWithout(line, [], [SOURCE])).toBe(line);
});

test("of very many odd names those beyond what is looked at go: they cost no more", () => {
  const odd = Array.from({ length: 400 }, (_, n) => `my%2525session${n}=1`);
  const line = ["my_session=GOOD", ...odd, "a=1", "%2525my_session=EVIL"].join("; ");
  const kept = cookieWithout(line, [], [SOURCE])?.split("; ") ?? [];
  expect(kept.slice(0, 2)).toEqual(["my_session=GOOD", odd[0] ?? ""]);
  expect(kept).toContain("a=1");
  expect(kept.length).toBeLessThan(100);
});
