"""The columns of an item file, by the headers that the programs of many countries give them."""

from typing import Final

from application.tabular.header import KnownColumns

_SPELLINGS: Final = {
    "location": (
        *("store", "shop", "warehouse", "site"),
        *("Lagerort", "Filiale", "Standort", "magasin", "entrepôt", "tienda", "almacén"),
        *("loja", "armazém", "negozio", "magazzino", "winkel", "magazijn"),
    ),
    "sku": (
        *("article number", "article no", "item number", "item no", "item code", "product code"),
        *("Variant SKU", "internal reference", "default code", "stock keeping unit"),
        *("Artikelnummer", "Artikelnr", "Art.-Nr.", "référence", "code article", "réf"),
        *("código", "código de producto", "referencia", "código do produto"),
        *("codice articolo", "codice", "artikelcode", "article", "Artikel"),
    ),
    "name": (
        *("product name", "item name", "article name", "product", "title"),
        *("Artikelbezeichnung", "Artikelname", "Produktname", "Bezeichnung", "Produkt", "Titel"),
        *("désignation", "libellé", "nom", "produit", "nombre", "producto", "nome", "produto"),
        *("prodotto", "naam", "productnaam", "omschrijving"),
        *("description", "Beschreibung", "descripción", "descrição", "descrizione"),
    ),
    "unit": (
        *("unit of measure", "uom"),
        *("Einheit", "Mengeneinheit", "unité", "unidad", "unidade", "unità", "eenheid"),
    ),
    "scale": ("decimals", "decimal places", "Dezimalstellen", "Nachkommastellen"),
    "safetyStock": (
        *("minimum stock", "min stock", "reorder level", "reorder point", "low stock amount"),
        *("Mindestbestand", "Meldebestand", "stock minimum", "stock mini", "stock de sécurité"),
        *("stock mínimo", "estoque mínimo", "scorta minima", "minimumvoorraad"),
    ),
    "floor": (),
    "code": (
        *("barcode", "bar code", "GTIN", "EAN", "UPC", "EAN code", "Variant Barcode"),
        *("EAN13", "EAN8", "GTIN8", "GTIN12", "GTIN13", "GTIN14", "UPC A", "UPC12", "UPC code"),
        *("EAN/UPC", "UPC/EAN", "GTIN, UPC, EAN, or ISBN", "ISBN", "ISBN13", "JAN", "JAN13"),
        *("EAN number", "EAN-Nummer", "EAN-Nr.", "Strichcode", "code-barres", "code barre"),
        *("code EAN", "código de barras", "codice a barre", "streepjescode"),
    ),
    "per": ("pack size", "units per code", "quantity per code"),
    "onHand": (
        *("opening stock", "opening", "quantity on hand", "on hand (current)", "in stock", "stock"),
        *("Variant Inventory Qty", "current quantity *", "quantity", "qty"),
        *("Lagerbestand", "Bestand", "Menge", "Anzahl", "quantité", "qté", "existencias"),
        *("cantidad", "estoque", "quantidade", "giacenza", "quantità", "voorraad", "aantal"),
    ),
    "active": ("aktiv", "actif", "activo", "ativo", "attivo", "actief"),
    # What an export says besides: it follows from the rest, or from the ledger.
    "provisional": (),
    "version": (),
    "updatedAt": (),
    "itemId": (),
}
"""Headers of each column, the most certain first. A word that means one column in one country, and
another one in the next, is in none: Lager, artículo."""

COLUMNS: Final = KnownColumns(
    known=_SPELLINGS,
    numeric=("scale", "safetyStock", "floor", "per", "onHand"),
    required=("sku",),
    repeated=("code", "per"),
    partners={"per": "code"},
)
"""The columns of an item file, by the names that an export gives them."""
