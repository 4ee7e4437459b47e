/** Sparse matrices, for graphs: the entry `wgrad/sparse`. */
export { type CsrMatrix, csrMatrix, spmm } from "./ops/spmm.ts";
