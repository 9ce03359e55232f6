/** What the ledger knows of an item now. */
import { Time } from "../../shared/components/Time.tsx";
import { format, texts } from "../../shared/i18n/index.ts";
import { type Item, ItemState, Quantity } from "../screens/Stock.tsx";
import { may } from "../session.ts";

export function Facts({ item }: { item: Item }) {
  const m = texts.value;
  return (
    <dl class="facts">
      <div class="big">
        <dt>{m.stock.onHand}</dt>
        <dd>
          <Quantity value={item.onHand} unit={item.unit} /> <ItemState item={item} />
        </dd>
      </div>
      <div>
        <dt>{m.stock.sku}</dt>
        <dd>{item.sku}</dd>
      </div>
      <div>
        <dt>{m.common.location}</dt>
        <dd>{item.location}</dd>
      </div>
      <div>
        <dt>{m.stock.safetyStock}</dt>
        <dd>{format.value.number(item.safetyStock)}</dd>
      </div>
      <div>
        <dt>{m.item.floor}</dt>
        <dd>{item.floor === null ? m.item.noFloor : format.value.number(item.floor)}</dd>
      </div>
      <div>
        <dt>{m.stock.updated}</dt>
        <dd>
          <Time at={item.updatedAt} /> <small>{m.item.version(item.version)}</small>
        </dd>
      </div>
    </dl>
  );
}

export function Codes(props: { item: Item; onAdd(): void; onRetire(code: string): void }) {
  const m = texts.value;
  const { item } = props;
  return (
    <section>
      <h2>{m.item.codes}</h2>
      {item.codes.length === 0 && <p class="hint">{m.item.noCodes}</p>}
      <ul class="codes">
        {item.codes.map((code) => (
          <li key={code.code}>
            <code>{code.code}</code>
            {code.per !== 1 && <small> {m.item.per(format.value.number(code.per))}</small>}
            {may("manage_items") && (
              <button
                type="button"
                class="link"
                aria-label={`${m.item.retire}: ${code.code}`}
                onClick={() => props.onRetire(code.code)}
              >
                {m.item.retire}
              </button>
            )}
          </li>
        ))}
      </ul>
      {may("register") && (
        <button type="button" class="link" onClick={props.onAdd}>
          {m.item.addCode}
        </button>
      )}
    </section>
  );
}
