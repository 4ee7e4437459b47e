/** The CPU adapters that browsers have share among four lanes: `subgroupTiles.ts`, which wants eight, is left out. */
export const subgroupTiles = undefined;
