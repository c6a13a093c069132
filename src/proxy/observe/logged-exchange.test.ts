import { expect, test } from "bun:test";
import { Registry } from "@prometheus-io/client";
import { Instruments } from "./instruments.ts";
import { exchangeLogSeries, exchangeLogThread } from "./logged-exchange.ts";

test("what is not in the exchange log is counted by its cause", async () => {
  const registry = new Registry();
  const counts = { written: 7, dropped: 1, failed: 2, evicted: 3, bytes: 4_096, restarts: 5 };
  const instruments = new Instruments(registry);
  exchangeLogSeries(instruments, { counts });
  exchangeLogThread(instruments, { counts, problem: "no room" });
  const text = await registry.metrics();
  const series = text.split("\n").filter((line) => line.startsWith("realmgate_exchange_log_"));
  expect(series).toEqual([
    "realmgate_exchange_log_entries_total 7",
    'realmgate_exchange_log_lost_total{cause="queue"} 1',
    'realmgate_exchange_log_lost_total{cause="write"} 2',
    'realmgate_exchange_log_lost_total{cause="full"} 3',
    "realmgate_exchange_log_bytes 4096",
    "realmgate_exchange_log_restarts_total 5",
    "realmgate_exchange_log_up 0",
  ]);
});
