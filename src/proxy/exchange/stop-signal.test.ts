import { expect, test } from "bun:test";
import { CLIENT_GONE, DEADLINE, PlatformSignal, StopSignal } from "./stop-signal.ts";

function told() {
  const heard: string[] = [];
  return {
    heard,
    as: (name: string) => ({
      stopped: ({ kind }: { kind: string }) => void heard.push(`${name} ${kind}`),
    }),
  };
}

test("every listener hears the first reason, in order, once", () => {
  const { heard, as } = told();
  const signal = new StopSignal();
  signal.on(as("a"));
  signal.on(as("b"));
  signal.stop(DEADLINE);
  signal.stop(CLIENT_GONE);
  expect(heard).toEqual(["a deadline", "b deadline"]);
  expect(signal.reason).toBe(DEADLINE);
});

test("a listener that comes late hears it at once, one that left does not", () => {
  const { heard, as } = told();
  const signal = new StopSignal();
  const gone = as("gone");
  signal.on(gone);
  signal.off(gone);
  signal.stop(CLIENT_GONE);
  signal.on(as("late"));
  expect(heard).toEqual(["late client_gone"]);
});

test("after close it is not stopped any more", () => {
  const { heard, as } = told();
  const signal = new StopSignal();
  signal.on(as("a"));
  signal.close();
  signal.on(as("b"));
  signal.stop(DEADLINE);
  expect(heard).toEqual([]);
  expect(signal.reason).toBeNull();
});

test("a listener that is called may add and remove others", () => {
  const { heard, as } = told();
  const signal = new StopSignal();
  const last = as("last");
  signal.on({
    stopped() {
      signal.off(last);
      signal.on(as("added"));
    },
  });
  signal.on(last);
  signal.stop(DEADLINE);
  expect(heard).toEqual(["added deadline", "last deadline"]);
});

test("a platform signal follows it", () => {
  const signal = new StopSignal();
  const platform = new PlatformSignal();
  signal.on(platform);
  expect(platform.signal.aborted).toBe(false);
  signal.stop(DEADLINE);
  expect(platform.signal.aborted).toBe(true);
});
