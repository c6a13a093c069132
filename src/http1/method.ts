/** Small numbers for the methods of RFC 9110 §9 and PATCH. Methods are case-sensitive; any other token is `Method.other`. */
export const Method = {
  other: 0,
  GET: 1,
  HEAD: 2,
  POST: 3,
  PUT: 4,
  DELETE: 5,
  CONNECT: 6,
  OPTIONS: 7,
  TRACE: 8,
  PATCH: 9,
} as const;

export type Method = (typeof Method)[keyof typeof Method];

const NUMBERS: ReadonlyMap<string, Method> = new Map(Object.entries(Method));

/** The number of a method. */
export function methodNamed(name: string): Method {
  return NUMBERS.get(name) ?? Method.other;
}

/** Whether requests of this method are expected to have content (RFC 9110 §9.3): with others there are servers that do not read it. */
export function anticipatesContent(method: Method): boolean {
  return method === Method.POST || method === Method.PUT || method === Method.PATCH;
}

const CANDIDATES: ReadonlyMap<number, readonly (readonly [Uint8Array, Method])[]> = new Map(
  [3, 4, 5, 6, 7].map((length) => [
    length,
    Object.entries(Method)
      .filter(([name, number]) => name.length === length && number !== Method.other)
      .map(([name, number]) => [Buffer.from(name), number] as const),
  ]),
);

const NAMES: readonly string[] = Object.keys(Method);

/** The name of a known method: always the same string. */
export function methodName(method: Method): string {
  return NAMES[method] ?? "";
}

/** The number of the method in a span. */
export function knownMethod(bytes: Uint8Array, start: number, end: number): Method {
  const length = end - start;
  if (
    length === 3 &&
    bytes[start] === 0x47 &&
    bytes[start + 1] === 0x45 &&
    bytes[start + 2] === 0x54
  ) {
    return Method.GET;
  }
  for (const [name, method] of CANDIDATES.get(length) ?? []) {
    let k = 0;
    while (k < length && bytes[start + k] === name[k]) k++;
    if (k === length) return method;
  }
  return Method.other;
}
