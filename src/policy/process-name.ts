/** The name of a process among those of its node: what a proxy is configured with, and what control planes take from it. */
export const PROCESS_NAME = /^[a-z0-9-]{1,63}$/;
