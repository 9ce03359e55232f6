/** The proof of one movement, as a file: an action of its row. */
import { address } from "../../api/client.ts";
import { texts } from "../../shared/i18n/index.ts";
import { type FileToFetch, useDownload } from "../Download.tsx";

export function proofOf(localId: string): FileToFetch {
  return {
    path: address("/movements/{localId}/proof", { localId }),
    name: `${localId}.tlog-proof`,
    type: "text/plain",
  };
}

export function DownloadProof(props: {
  localId: string;
  /** The movement in words, for those who hear the page. */
  of: string;
}) {
  const m = texts.value;
  const { busy, download } = useDownload();
  const name = `${m.proof.download}: ${props.of}`;
  return (
    <button
      type="button"
      class="link"
      title={name}
      aria-label={name}
      disabled={busy}
      onClick={() => void download(proofOf(props.localId))}
    >
      {m.proof.title}
    </button>
  );
}
