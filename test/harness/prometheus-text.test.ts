// The reader that tests of /metrics stand on is itself strict.
import { describe, expect, test } from "bun:test";
import { parsePrometheusText, sampleValue } from "./prometheus-text.ts";

const head = "# HELP a_total What.\n# TYPE a_total counter\n";

test("what is of the format is read", () => {
  const families = parsePrometheusText(
    `${head}a_total{x="1\\"\\\\\\n"} 2\na_total{x="b"} 1.5e+3\n`,
  );
  expect(sampleValue(families, "a_total", { x: '1"\\\n' })).toBe(2);
  expect(sampleValue(families, "a_total", { x: "b" })).toBe(1500);
  expect(sampleValue(families, "a_total", { x: "c" })).toBe(0);
});

const histogram = (lines: string) => `# HELP h What.\n# TYPE h histogram\n${lines}`;

describe("refused is", () => {
  test.each([
    ["a last line without end", `${head}a_total 1`],
    ["a sample before its type", "# HELP a_total What.\na_total 1\n"],
    ["a type without help", "# TYPE a_total counter\na_total 1\n"],
    ["a second family of a name", `${head}${head}`],
    ["a sample of another family", `${head}b_total 1\n`],
    ["a series twice", `${head}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ["a label twice", `${head}a_total{x="1",x="2"} 1\n`],
    ["a label that is not closed", `${head}a_total{x="1} 1\n`],
    ["a quote inside a label", `${head}a_total{x="1"1"} 1\n`],
    ["a value that is none", `${head}a_total one\n`],
    ["a count below zero", `${head}a_total -1\n`],
    ["a counter that is not called so", "# HELP a What.\n# TYPE a counter\na 1\n"],
    ["a histogram without +Inf", histogram('h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n')],
    ["a histogram without sum", histogram('h_bucket{le="+Inf"} 1\nh_count 1\n')],
    [
      "a histogram that goes down",
      histogram('h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'),
    ],
    [
      "a histogram whose count is another",
      histogram('h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n'),
    ],
  ])("%s", (_what, text) => {
    expect(() => parsePrometheusText(text)).toThrow();
  });
});
