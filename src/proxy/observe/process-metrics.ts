// The client library's own metrics of the process, as far as they say something true of this runtime.
import { collectDefaultMetrics, type Registry } from "@prometheus-io/client";

/**
 * Of Bun 1.4.5 these are right. Of the others, handles, requests and collections are always 0, heap spaces nearly all, the
 * heap of /proc is reserved address space, and the version is that of the Node it stands in for.
 */
const TRUE_OF_BUN = [
  /^process_cpu_/,
  /^process_start_time_seconds$/,
  /^process_(resident|virtual)_memory_bytes$/,
  /^process_(open|max)_fds$/,
  /^nodejs_eventloop_lag_/,
  /^nodejs_(heap_size_(total|used)|external_memory)_bytes$/,
];

export function collectProcessMetrics(registry: Registry): void {
  const before = new Set(namesIn(registry));
  collectDefaultMetrics({ register: registry });
  for (const name of namesIn(registry)) {
    if (!before.has(name) && !TRUE_OF_BUN.some((pattern) => pattern.test(name))) {
      registry.removeSingleMetric(name);
    }
  }
}

function namesIn(registry: Registry): string[] {
  return registry.getMetricsAsArray().map(({ name }) => name);
}
