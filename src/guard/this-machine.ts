import { networkInterfaces } from "node:os";

/** Addresses that are told: as many as a hello has room for. */
const TOLD_MAX = 256;

/** Whether an address is one of this machine's own. */
export function isOfThisMachine(address: string): boolean {
  if (isOfEveryMachine(address)) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

/** Whether an address leads whatever machine dials it to itself. */
export function isOfEveryMachine(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** The addresses by which others could mean this machine, at most 256. Those of one link no container may have. */
export function addressesOfThisMachine(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const told = all
    .map(({ address }) => address)
    .filter((each) => !/^(fe80:|169\.254\.)/.test(each));
  return [...new Set(told)].filter((each) => !isOfEveryMachine(each)).slice(0, TOLD_MAX);
}
