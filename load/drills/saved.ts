import type { Member } from "../../test/harness/cluster.ts";
import { metricOf } from "../../test/harness/cluster-places.ts";
import { until } from "../../test/harness/until.ts";

/** Resolves once what each proxy enforces lies in its file. */
export async function savedAll(proxies: readonly Member[]): Promise<void> {
  for (const proxy of proxies) {
    await until(async () => {
      const saved = await metricOf(proxy, "realmgate_snapshot_saved_revision");
      return saved !== null && saved === (await metricOf(proxy, "realmgate_snapshot_revision"));
    }, "the snapshot is saved");
  }
}
