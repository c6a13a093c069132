// Work of the snapshot file takes turns with other sliced work of the event loop.
import { eventLoopSlices } from "../../guard/slices.ts";
import type { Steps } from "../../policy/steps.ts";

export function savingSlices<Result>(steps: Steps<Result>): Promise<Result> {
  return eventLoopSlices.run(steps, { key: "snapshot file" });
}
