// Assignment at the least total cost: Kuhn's Hungarian method with shortest augmenting paths, O(rows² columns).

/**
 * The column of each row.
 * @param {number[][]} cost cost[row][column]
 * @returns {number[]}
 */
export function assign(cost) {
  const rows = cost.length;
  const columns = rows ? cost[0].length : 0;
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1); // 0: free; column 0 holds the row that is being placed
  const previous = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    rowOf[0] = row;
    let column = 0;
    const slack = new Float64Array(columns + 1).fill(Infinity);
    const visited = new Uint8Array(columns + 1);
    do {
      visited[column] = 1;
      let least = Infinity;
      let next = 0;
      for (let j = 1; j <= columns; j++) {
        if (visited[j]) continue;
        const reduced = cost[rowOf[column] - 1][j - 1] - rowPotential[rowOf[column]] - columnPotential[j];
        if (reduced < slack[j]) {
          slack[j] = reduced;
          previous[j] = column;
        }
        if (slack[j] < least) {
          least = slack[j];
          next = j;
        }
      }
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          rowPotential[rowOf[j]] += least;
          columnPotential[j] -= least;
        } else slack[j] -= least;
      }
      column = next;
    } while (rowOf[column]);
    for (; column; column = previous[column]) rowOf[column] = rowOf[previous[column]];
  }
  const columnOf = new Array(rows);
  for (let j = 1; j <= columns; j++) if (rowOf[j]) columnOf[rowOf[j] - 1] = j - 1;
  return columnOf;
}
