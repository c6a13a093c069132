// The registry in OpenMetrics' text format, which carries exemplars (OpenMetrics 1.0).
import { type Metric, Registry } from "@prometheus-io/client";

export const OPEN_METRICS = Registry.OPENMETRICS_CONTENT_TYPE;

const TOTAL = /_total$/;

/** What a metric answers to a registry. */
interface Read {
  readonly name: string;
  readonly type: string;
}

/**
 * Through a registry of its own: rendering in this format renames the counters of the registry that it is asked of. A counter's name has no
 * `_total`, which its series have.
 */
export async function openMetricsText(registry: Registry): Promise<string> {
  const rendered = new Registry(OPEN_METRICS);
  for (const metric of registry.getMetricsAsArray()) {
    const { get } = metric as unknown as { readonly get: () => Promise<Read> | Read };
    const read = async () => {
      const value = await get.call(metric);
      return value.type === "counter" ? { ...value, name: value.name.replace(TOTAL, "") } : value;
    };
    rendered.registerMetric({ name: metric.name, get: read } as unknown as Metric<string>);
  }
  return rendered.metrics();
}

/** Whether an Accept field weighs OpenMetrics above Prometheus' own format (RFC 9110 §12.5.1). */
export function prefersOpenMetrics(accept: string | null): boolean {
  if (accept === null || accept.length > ACCEPT_CHARACTERS_MAX) return false;
  let [open, plain] = [0, 0];
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const weight = weightOf(parameters);
    if (range === "application/openmetrics-text") open = Math.max(open, weight);
    if (range === "text/plain") plain = Math.max(plain, weight);
  }
  return open > plain;
}

const ACCEPT_CHARACTERS_MAX = 1_024;

function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((each) => each.startsWith("q="));
  const weight = text === undefined ? 1 : Number(text.slice("q=".length));
  return weight >= 0 && weight <= 1 ? weight : 0;
}

/** The text of a registry in the format that an Accept field weighs highest. */
export function formatFor(
  accept: string | null,
  registry: () => Promise<Registry>,
): { readonly contentType: string; text(): Promise<string> } {
  return prefersOpenMetrics(accept)
    ? { contentType: OPEN_METRICS, text: async () => openMetricsText(await registry()) }
    : {
        contentType: Registry.PROMETHEUS_CONTENT_TYPE,
        text: async () => (await registry()).metrics(),
      };
}
