import { describe, expect, test } from "bun:test";
import { descriptorBudget, descriptorLimit } from "./descriptor-budget.ts";

const demand = { exchangesMax: 32_768, apiConnectionsMax: null, proxyTls: null };

describe("descriptors", () => {
  test.each([
    [1024, { api: 85, proxy: 304 }],
    [20_000, { api: 1024, proxy: 8384 }],
    [1_048_576, { api: 1024, proxy: 32_768 }],
    [Number.MAX_SAFE_INTEGER, { api: 1024, proxy: 32_768 }],
  ])("at a limit of %d are shared", (limit, shares) => {
    expect(descriptorBudget(limit, demand)).toMatchObject(shares);
  });

  test.each([0, 1, 3, 16, 64, 256, 1024, 4096, 65_536])(
    "at a limit of %d are never promised twice, and both sides have some",
    (limit) => {
      for (const apiConnectionsMax of [null, 1, 20]) {
        const { api, proxy } = descriptorBudget(limit, { ...demand, apiConnectionsMax });
        expect(Math.min(api, proxy)).toBeGreaterThan(0);
        if (limit >= 256) expect(api * 3 + proxy * 2).toBeLessThan(limit);
        if (limit >= 256) expect(proxy * 2).toBeGreaterThan(limit / 4);
      }
    },
  );

  test("that do not suffice are told in one line, with the number that does", () => {
    const { warning } = descriptorBudget(1024, demand);
    expect(warning).toBe(
      "ulimit -n is 1024: 304 concurrent exchanges instead of 32768; raise it to 65951",
    );
    const needed = Number(/raise it to (\d+)/.exec(warning ?? "")?.[1]);
    // With more descriptors the API gets more too.
    expect(descriptorBudget(needed + 3 * 1024, demand).warning).toBeNull();
  });

  test("are kept for the relays of HTTP/2 where there is TLS: two for every eighth connection", () => {
    const { proxy } = descriptorBudget(20_000, { ...demand, proxyTls: {} });
    expect(proxy).toBe(Math.floor((20_000 - 160 - 3 * 1024) / 2.25));
  });

  test("taken by the API as the operator asked are not given to exchanges", () => {
    const asked = { ...demand, exchangesMax: 100, apiConnectionsMax: 300 };
    expect(descriptorBudget(1024, asked)).toMatchObject({ api: 300, proxy: 1 });
  });
});

describe("the limit", () => {
  test.each([
    ["Max open files            1024                 20000                files", 1024],
    ["Max open files            unlimited            unlimited            files", 2 ** 53 - 1],
    ["something else", 1024],
  ])("is read from %j", (line, limit) => {
    expect(descriptorLimit(() => `Limit  Soft Limit\n${line}\nMax locked memory 1 1 bytes\n`)).toBe(
      limit,
    );
  });

  test("is assumed where it cannot be read", () => {
    const missing = () => {
      throw new Error("ENOENT");
    };
    expect(descriptorLimit(missing)).toBe(1024);
  });
});
