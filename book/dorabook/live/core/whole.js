// Whole numbers as readers see them, like Python's f"{count:,}".

/** 1234567 as "1,234,567". */
export function whole(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
