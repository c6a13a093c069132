// A strict reader of Prometheus' text format 0.0.4: what a lenient scraper would let pass is an error here.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
/** Values as Go's ParseFloat takes them: NaN in any letter case. */
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([Nn][Aa][Nn]|[+-]Inf|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;

/** Throws for a line that is none, a family in pieces or without help and type, a repeated series, a histogram that does not add up. */
export function parsePrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, Family & { samples: Sample[] }>();
  const seen = new Set<string>();
  let help: [name: string, text: string] | null = null;
  let family: (Family & { samples: Sample[] }) | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const [, helpName, helpText] = HELP.exec(line) ?? [];
    const [, typeName, type] = TYPE.exec(line) ?? [];
    if (helpName !== undefined && helpText !== undefined) {
      if (families.has(helpName)) throw new Error(`second family ${helpName}`);
      help = [helpName, helpText];
      family = null;
    } else if (typeName !== undefined && type !== undefined) {
      if (help === null || help[0] !== typeName) throw new Error(`type without help: ${line}`);
      family = { name: typeName, help: help[1], type, samples: [] };
      families.set(typeName, family);
      help = null;
    } else {
      const sample = parseSample(line);
      if (family === null || !belongs(sample.name, family)) {
        throw new Error(`sample outside its family: ${line}`);
      }
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw new Error(`series twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) checkFamily(each);
  return families;
}

/** The value of one series; 0 when a counter has none. */
export function sampleValue(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name);
  if (family === undefined) throw new Error(`no family ${name}`);
  const same = (one: object, other: object) =>
    JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
  return family.samples.find((sample) => same(sample.labels, labels))?.value ?? 0;
}

function parseSample(line: string): Sample {
  const [, name, braces = "", value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no line of the format: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = braces; rest !== ""; ) {
    const [whole, label, escaped] = LABEL.exec(rest) ?? [];
    if (whole === undefined || label === undefined || escaped === undefined) {
      throw new Error(`malformed labels: ${line}`);
    }
    if (Object.hasOwn(labels, label)) throw new Error(`label twice: ${line}`);
    labels[label] = escaped.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    rest = rest.slice(whole.length);
  }
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}

function belongs(name: string, { name: family, type }: Family): boolean {
  return type === "histogram"
    ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name)
    : name === family;
}

function checkFamily(family: Family): void {
  if (family.type === "counter") {
    const wrong = family.samples.find(({ value }) => !(value >= 0));
    if (wrong !== undefined) throw new Error(`${family.name} counts ${wrong.value}`);
    if (!family.name.endsWith("_total"))
      throw new Error(`${family.name} does not say that it counts`);
  }
  if (family.type === "histogram") checkHistogram(family);
}

function checkHistogram({ name, samples }: Family): void {
  const rows = new Map<string, { buckets: [number, number][]; count?: number; sum?: number }>();
  for (const { name: part, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(Object.entries(others).sort());
    const row = rows.get(key) ?? { buckets: [] };
    rows.set(key, row);
    if (part === `${name}_sum`) row.sum = value;
    else if (part === `${name}_count`) row.count = value;
    else if (le === undefined) throw new Error(`${part} without le`);
    else row.buckets.push([le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), value]);
  }
  for (const [key, { buckets, count, sum }] of rows) {
    const ascending = buckets.every(([le, upTo], index) => {
      const [leBefore, upToBefore] = buckets[index - 1] ?? [Number.NEGATIVE_INFINITY, 0];
      return le > leBefore && upTo >= upToBefore;
    });
    const [leLast, all] = buckets.at(-1) ?? [0, 0];
    if (
      !ascending ||
      leLast !== Number.POSITIVE_INFINITY ||
      all !== count ||
      !(sum !== undefined && sum >= 0)
    ) {
      throw new Error(`${name} ${key} does not add up`);
    }
  }
}
