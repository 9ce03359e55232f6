/** A text as a QR code. */
import { encode } from "uqr";

/** Always dark on light, with its quiet zone: scanners do not read the opposite. */
export function QrCode(props: { text: string; label: string }) {
  const { data, size } = encode(props.text, { border: 4 });
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
  return (
    <svg class="qr" role="img" aria-label={props.label} viewBox={`0 0 ${size} ${size}`}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
