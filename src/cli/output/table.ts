// Rows and columns that fit the terminal: the widest columns give way, ids do not.

export interface TableOptions {
  /** Characters a line; null: as wide as it takes. */
  readonly columns: number | null;
  /** How headings are set off. */
  readonly emphasise: (text: string) => string;
}

const gap = "  ";
/** A column is not made narrower: less says nothing. */
const widthMin = 8;
/** Ids and versions are there to be copied whole. */
const unbreakable = /^([0-9a-f]{24}|[0-9a-hjkmnp-tv-z]{26}|file:v\d+|hdy_\S+)$/;

/** Lines, without trailing space. Cells are one line each, made harmless before. */
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

/** Names and values, one pair a line; values are not cut: they are what was asked for. */
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

/** To this width exactly; what is cut off is told by `…`. */
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
