/**
 * Random numbers on the host: the same ones in every JavaScript, from a seed. Of the package seedrandom this takes the one
 * generator that is used (Baagøe's Alea), so that a browser loads no others.
 */
import alea from "seedrandom/lib/alea.js";

/** A function that returns the next number from [0, 1). */
export type HostRandom = () => number;

export function hostRandom(seed: string | number): HostRandom {
  return alea(seed);
}
