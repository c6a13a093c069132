// Tables that fit the terminal: the widest columns shrink, ids do not.

export interface TableOptions {
  /** Characters per line; null: unlimited. */
  readonly columns: number | null;
  /** Style of headings. */
  readonly emphasise: (text: string) => string;
}

const gap = "  ";
/** Minimum width of a column. */
const widthMin = 8;
/** Ids, versions and tokens are never cut: people copy them. */
const unbreakable = /^([0-9a-f]{24}|[0-9a-hjkmnp-tv-z]{26}|file:v\d+|hdy_\S+)$/;

/** Lines without trailing space. Each cell must be one safe line. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string[] {
  const widths = fit(headings, rows, options.columns);
  const line = (cells: readonly string[], style = (text: string) => text) =>
    cells
      .map((text, index) => style(padded(text, widths[index] ?? 0)))
      .join(gap)
      .trimEnd();
  return [
    line(
      headings.map((text) => text.toUpperCase()),
      options.emphasise,
    ),
    ...rows.map((row) => line(row)),
  ];
}

/** One name and value per line; values are never cut. */
export function pairs(
  entries: readonly (readonly [name: string, value: string])[],
  emphasise: (text: string) => string,
): string[] {
  const width = Math.max(0, ...entries.map(([name]) => Bun.stringWidth(name)));
  return entries.map(([name, value]) =>
    `${emphasise(padded(name, width))}${gap}${value}`.trimEnd(),
  );
}

function fit(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | null,
): number[] {
  const natural = headings.map((heading, index) =>
    Math.max(Bun.stringWidth(heading), ...rows.map((row) => Bun.stringWidth(row[index] ?? ""))),
  );
  if (columns === null) return natural;
  const fixed = headings.map((_heading, index) =>
    rows.some((row) => unbreakable.test(row[index] ?? "")),
  );
  const widths = [...natural];
  let over = sum(widths) + gap.length * (widths.length - 1) - columns;
  while (over > 0) {
    const widest = widths.reduce(
      (best, width, index) =>
        !fixed[index] && width > Math.max(widthMin, widths[best] ?? 0) ? index : best,
      -1,
    );
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over--;
  }
  return widths;
}

/** Pads or cuts to exactly this width; a cut ends with `…`. */
function padded(text: string, width: number): string {
  const own = Bun.stringWidth(text);
  if (own <= width) return text + " ".repeat(width - own);
  let cut = "";
  for (const character of text) {
    if (Bun.stringWidth(cut + character) > width - 1) break;
    cut += character;
  }
  return `${cut}…${" ".repeat(Math.max(0, width - 1 - Bun.stringWidth(cut)))}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
