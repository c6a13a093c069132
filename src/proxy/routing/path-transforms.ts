// What programs do to a path before they route by it. Each function is one step that some server takes; path-variants.ts tries
// them in every order. Paths are ASCII here: bytes beyond it stand as %XX.

import { isAscii } from "node:buffer";

/** One step of a reading. Leaves a path alone that it does not concern. */
export type PathTransform = (path: string) => string;

/** Steps that change no layer of encoding. */
export const TRANSFORMS: readonly PathTransform[] = [
  withoutParameters,
  withoutLastParameters,
  beforeParameters,
  backslashesAsSlashes,
  dotSegmentsResolved,
  dotSegmentsResolvedInMergedPath,
  withoutAuthority,
  withoutAuthorityToSlash,
  beforeEnd,
  withoutControls,
  wideFormsFolded,
  withoutIgnorables,
  withoutFileSystemMarks,
  withoutSessions,
  withoutSessionSegments,
  withoutFrontController,
  withoutVirtualHost,
];

/**
 * Steps that decode one layer: whole; with the escapes of IIS and old Jetty for UTF-16 units, too; and without the separators,
 * as servers do that hand those on (RFC 3986 §2.2).
 */
export const DECODINGS: readonly PathTransform[] = [
  decoded,
  decodedWithUnits,
  decodedButSeparators,
];

const BYTE = /%([0-7][0-9A-Fa-f])/g;
const BYTE_OR_UNITS = /%([0-7][0-9A-Fa-f])|((?:%[uU][0-9A-Fa-f]{4})+)/g;
const BYTE_BUT_SEPARATOR = /%(?!2[Ff]|5[Cc])([0-7][0-9A-Fa-f])/g;

function decoded(path: string): string {
  return path.includes("%") ? path.replace(BYTE, asciiOf) : path;
}

function decodedWithUnits(path: string): string {
  return /%[uU]/.test(path)
    ? path.replace(BYTE_OR_UNITS, (whole, byte, units) =>
        units === undefined ? asciiOf(whole, byte) : textOfUnits(units),
      )
    : path;
}

/** Beyond U+FFFF two units are one character. */
function textOfUnits(units: string): string {
  const codes = units.slice(2).split(/%[uU]/);
  return escaped(String.fromCharCode(...codes.map((hex) => Number.parseInt(hex, 16))));
}

function decodedButSeparators(path: string): string {
  return path.includes("%") ? path.replace(BYTE_BUT_SEPARATOR, asciiOf) : path;
}

function asciiOf(_whole: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** All beyond ASCII as %XX of its UTF-8. */
export function escaped(text: string): string {
  const bytes = Buffer.from(text);
  if (isAscii(bytes)) {
    return text;
  }
  const result = Buffer.allocUnsafe(3 * bytes.length);
  let length = 0;
  for (const byte of bytes) {
    if (byte < 0x80) {
      result[length++] = byte;
    } else {
      result[length++] = PERCENT;
      result[length++] = HEX.charCodeAt(byte >> 4);
      result[length++] = HEX.charCodeAt(byte & 15);
    }
  }
  return result.toString("latin1", 0, length);
}

const PERCENT = 0x25;
const HEX = "0123456789abcdef";

/** Path parameters of each segment (servlet containers; RFC 3986 §3.3). */
function withoutParameters(path: string): string {
  return path.includes(";") ? path.replace(/;[^/]*/g, "") : path;
}

/** Those of the last segment alone (`urlparse` of Python). */
function withoutLastParameters(path: string): string {
  const semicolon = path.indexOf(";", path.lastIndexOf("/"));
  return semicolon === -1 ? path : path.slice(0, semicolon);
}

/** All from the first parameter on, as with `;jsessionid=`. */
function beforeParameters(path: string): string {
  const semicolon = path.indexOf(";");
  return semicolon === -1 ? path : path.slice(0, semicolon);
}

function backslashesAsSlashes(path: string): string {
  return path.replaceAll("\\", "/");
}

/** RFC 3986 §5.2.4: empty segments count. */
function dotSegmentsResolved(path: string): string {
  return /\/\.\.?(?:\/|$)/.test(path) ? resolved(path, false) : path;
}

function dotSegmentsResolvedInMergedPath(path: string): string {
  return path.includes("//") && /\/\.\.?(?:\/|$)/.test(path) ? resolved(path, true) : path;
}

function resolved(path: string, isMerged: boolean): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const segment of segments) {
    if (segment === "..") {
      kept.pop();
    } else if (segment !== "." && !(isMerged && segment === "")) {
      kept.push(segment);
    }
  }
  const last = segments.at(-1);
  const isFolder = last === "." || last === ".." || (isMerged && last === "");
  return `/${kept.join("/")}${isFolder && kept.length > 0 ? "/" : ""}`;
}

/** URL parsers take `//host/path` for a reference to another host (`new URL(request.url, base)`). */
function withoutAuthority(path: string): string {
  return /^[/\\]{2}/.test(path) ? path.replace(/^[/\\]+[^/\\]*/, "") || "/" : path;
}

/** To some a backslash is a part of the host (`urlparse` of Python). */
function withoutAuthorityToSlash(path: string): string {
  return path.startsWith("//") ? path.replace(/^\/{2,}[^/]*/, "") || "/" : path;
}

/** A decoded NUL, `?` or `#` ends the path: for C strings, and for whoever parses it as a URL once more. */
function beforeEnd(path: string): string {
  const end = path.search(/[\0?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** URL parsers drop tabs and line ends; other programs drop every control character. */
function withoutControls(path: string): string {
  return path.replace(CONTROLS, "");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant.
const CONTROLS = /[\0-\x1f\x7f]/g;

/** In two bytes, and in three to six: the older definition of UTF-8 (RFC 2279 §2) goes on to six. */
const OVERLONG =
  /%[cC]([01])%([0-9A-Fa-f]{2})|(?:%[eE]0|%[fF]0%80|%[fF]8%80%80|%[fF][cC]%80%80%80)%([89][0-9A-Fa-f])%([89abAB][0-9A-Fa-f])/g;
const BEYOND_ASCII = /(?:%[89A-Fa-f][0-9A-Fa-f])+/g;
/** What Windows and code pages of Japan and Korea map to separators, and what is an i in another case, beside what NFKC does. */
const BEST_FIT: ReadonlyMap<string, string> = new Map([
  ["\u2044", "/"],
  ["\u2215", "/"],
  ["\u2216", "\\"],
  ["\u00a5", "\\"],
  ["\u20a9", "\\"],
  ["\u00ad", "-"],
  ["\u0131", "i"],
  ["\u0130", "I"],
  ["\u00df", "ss"],
  ["\u1e9e", "SS"],
]);

const BEST_FIT_CHARACTER = new RegExp(`[${[...BEST_FIT.keys()].join("")}]`, "gu");

/** ASCII in disguise: overlong UTF-8 (RFC 3629 §3), fullwidth and other compatibility forms (NFKC). */
function wideFormsFolded(path: string): string {
  if (!path.includes("%")) {
    return path;
  }
  const short = path.replace(OVERLONG, (whole, high, low, laterHigh, laterLow) => {
    const [first, second] = [high ?? laterHigh, low ?? laterLow];
    const code = ((Number.parseInt(first, 16) & 0x3f) << 6) | (Number.parseInt(second, 16) & 0x3f);
    return code < 0x80 ? String.fromCharCode(code) : whole;
  });
  return changedBeyondAscii(short, folded);
}

/** What has no shape, such as zero-width joiners: file systems and normal forms for comparing leave it out (NFKC_Casefold, HFS+). */
function withoutIgnorables(path: string): string {
  return path.includes("%") ? changedBeyondAscii(path, withoutShapeless) : path;
}

function withoutShapeless(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
}

/** `change` gets all runs at once, in lines of their own: it must change no line end, and nothing across one. */
function changedBeyondAscii(path: string, change: (text: string) => string): string {
  const runs = path.match(BEYOND_ASCII);
  if (runs === null) {
    return path;
  }
  const text = Buffer.from(runs.join("0a").replaceAll("%", ""), "hex").toString();
  const changed = change(text);
  if (changed === text) {
    return path;
  }
  const before = text.split("\n");
  const after = changed.split("\n");
  let at = -1;
  return path.replace(BEYOND_ASCII, (run) => {
    at++;
    const is = after[at] as string;
    // What is no UTF-8 stays as it is.
    return is === before[at] || before[at]?.includes("\ufffd") ? run : escaped(is);
  });
}

function folded(text: string): string {
  return text.replace(BEST_FIT_CHARACTER, (each) => BEST_FIT.get(each) ?? each).normalize("NFKC");
}

/** Dots and spaces at the end of names, and NTFS streams (Windows). */
function withoutFileSystemMarks(path: string): string {
  if (!/[. ](?:[/\\:]|$)|:\$/.test(path)) {
    return path;
  }
  return path.replace(/:[^/\\:]*:\$\w*/g, "").replace(/[^/\\]+/g, (segment) => {
    const name = withoutEnd(segment, " ");
    const stem = withoutEnd(name, ". ");
    // Segments of dots only are steps, not names.
    return stem === "" ? name : stem;
  });
}

/** In linear time, as no regular expression does it. */
function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) {
    end--;
  }
  return text.slice(0, end);
}

const SESSION = /\((?:[A-Za-z]\([^()/]*\))+\)/g;
const SESSION_SEGMENT = /\/+\((?:[A-Za-z]\([^()/]*\))+\)/g;

/** Sessions in paths, such as `/(S(x))/a` (ASP.NET without cookies), which go with or without their slash. */
function withoutSessions(path: string): string {
  return path.includes("(") ? path.replace(SESSION, "") : path;
}

function withoutSessionSegments(path: string): string {
  return path.includes("(") ? path.replace(SESSION_SEGMENT, "") || "/" : path;
}

/** Of PHP, CGI, ISAPI, ASP.NET, ColdFusion and mod_wsgi: those hand on what follows the name. */
const FRONT_CONTROLLER =
  /\/[^/]*\.(?:php\d?|phtml|phar|f?cgi|p[ly]|rb|lua|exe|wsgi|dll|as[hmp]x|asp|svc|cf[cm])(?=\/)/i;

/** What follows the name of a script is the path that the script gets (PATH_INFO, RFC 3875 §4.1.5): `/app_dev.php/a`. */
function withoutFrontController(path: string): string {
  return path.replace(FRONT_CONTROLLER, "");
}

const VIRTUAL_HOST = /\/VirtualHostBase\/[^/]*\/[^/]*|\/VirtualHostRoot(?:\/_vh_[^/]*)*/g;

/** What proxies tell Zope and Plone in the path: `/VirtualHostBase/https/host:443/VirtualHostRoot/_vh_shown/a` is `/a`. */
function withoutVirtualHost(path: string): string {
  return path.includes("/VirtualHost") ? path.replace(VIRTUAL_HOST, "") || "/" : path;
}
