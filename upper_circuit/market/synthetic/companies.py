"""
Names, sectors and identifiers of companies that do not exist.

A synthetic row must never be taken for a real one, wherever it ends up: every name begins with SYN, codes start at
900001, where the exchange has none, and the issuer part of an ISIN begins with Z.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain

FIRST_CODE = 900_001
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Industry:
    """`weight` 0: a tiny industry, too small for medians of its own."""

    sector: str
    name: str
    weight: int
    nouns: tuple[str, ...]


INDUSTRIES: tuple[Industry, ...] = (
    Industry("Commodities", "Chemicals", 8, ("Chemicals", "Organics", "Dyestuffs", "Polymers")),
    Industry("Commodities", "Metals & Mining", 5, ("Steels", "Alloys", "Minerals", "Ispat")),
    Industry("Commodities", "Forest Materials", 0, ("Papers", "Plywoods")),
    Industry("Consumer Discretionary", "Textiles", 9, ("Textiles", "Spinners", "Fabrics", "Garments")),
    Industry("Consumer Discretionary", "Auto Components", 6, ("Forgings", "Auto Parts", "Castings", "Gears")),
    Industry(
        "Consumer Discretionary", "Consumer Durables", 6, ("Appliances", "Ceramics", "Jewels", "Lighting")
    ),
    Industry("Fast Moving Consumer Goods", "Food Products", 7, ("Foods", "Agro", "Sugars", "Dairies")),
    Industry("Fast Moving Consumer Goods", "Personal Products", 3, ("Naturals", "Herbals", "Homecare")),
    Industry("Financial Services", "Finance", 10, ("Finance", "Capital", "Fincorp", "Securities")),
    Industry("Financial Services", "Banks", 3, ("Bank", "Small Finance Bank")),
    Industry("Financial Services", "Insurance", 0, ("Assurance", "Insurance")),
    Industry("Healthcare", "Pharmaceuticals", 8, ("Pharma", "Lifesciences", "Remedies", "Drugs")),
    Industry("Healthcare", "Healthcare Services", 3, ("Hospitals", "Diagnostics", "Healthcare")),
    Industry("Industrials", "Capital Goods", 10, ("Engineering", "Machines", "Electricals", "Valves")),
    Industry("Industrials", "Construction", 5, ("Infra", "Buildcon", "Projects")),
    Industry("Information Technology", "Software", 6, ("Software", "Infotech", "Systems", "Digital")),
    Industry("Information Technology", "Hardware", 2, ("Electronics", "Semicon", "Devices")),
    Industry("Services", "Logistics", 4, ("Logistics", "Shipping", "Roadways")),
    Industry("Services", "Commercial Services", 4, ("Trading", "Ventures", "Enterprises")),
    Industry("Realty and Leisure", "Realty", 4, ("Estates", "Developers", "Housing")),
    Industry("Realty and Leisure", "Hotels", 3, ("Hotels", "Resorts")),
    Industry("Telecommunication", "Telecom Equipment", 2, ("Telelinks", "Networks", "Cables")),
    Industry("Telecommunication", "Telecom Services", 0, ("Telecom", "Broadband")),
    Industry("Utilities", "Power", 3, ("Power", "Energy", "Renewables")),
    Industry("Utilities", "Water Supply", 0, ("Waters",)),
    Industry("Energy", "Oil & Gas", 2, ("Petro", "Gas", "Lubricants")),
    Industry("Energy", "Coal", 2, ("Coalfields", "Carbon")),
)
_NO_INDUSTRY = ("Holdings", "Industries")

_GAZETTEER = """
Aravali Narmada Sutlej Vindhya Deccan Konkan Malabar Nilgiri Sahyadri Godavari Kaveri Krishna Tapti
Sabarmati Chambal Betwa Yamuna Gomti Kosi Teesta Mahanadi Tungabhadra Indravati Periyar Vaigai Zuari
Mandovi Sharavati Satpura Shivalik Dhauladhar Girnar Mahendra Ajanta Ellora Hampi Konark Khajuraho
Sanchi Nalanda Lothal Dholavira Kalinga Magadha Avanti Kosala Vatsa Anga Vidarbha Marwar Mewar Malwa
Bundel Rohil Awadh Braj Mithila Kutch Saurashtra Telangan Rayala Coorg Wayanad Kodagu Palani Anamalai
Yercaud Ooty Munnar Kollam Alleppey Karwar Ratnagiri Alibag Lonavala Panchgani Matheran Igatpuri Nashik
Ujjain Orchha Ranthambor Sariska Pushkar Udai Jaisal Bikan Shekha Hansi Thanesar Kurukshetra Panipat
Sirhind Patiala Kangra Chamba Kullu Lahaul Spiti Kinnaur Garhwal Kumaon Nainital Ranikhet Almora Tawang
Ziro Kohima Loktak Umiam Dawki Majuli Kaziranga
"""
_PLACES = _GAZETTEER.split()


def company_names(industries: list[int | None]) -> list[str]:
    """One distinct name a company; None: of no industry."""
    seen: Counter[int | None] = Counter()
    names = []
    for industry in industries:
        nouns = _NO_INDUSTRY if industry is None else INDUSTRIES[industry].nouns
        names.append(_name(seen[industry], 7 * (industry or 0), nouns))
        seen[industry] += 1
    return names


def _name(turn: int, offset: int, nouns: tuple[str, ...]) -> str:
    """Every place with one noun, then with the next, then every place with a second one beside it."""
    place = (turn + offset) % len(_PLACES)
    beside, noun = divmod(turn // len(_PLACES), len(nouns))
    second = f" {_PLACES[(place + beside * 11) % len(_PLACES)]}" if beside else ""
    return f"SYN {_PLACES[place]}{second} {nouns[(noun + place) % len(nouns)]} Ltd"


def symbols(names: list[str]) -> list[str]:
    """One distinct symbol a name, at most 10 characters as on the exchange."""
    taken: set[str] = set()
    found = []
    for name in names:
        word, noun = name.split()[1].upper(), name.split()[-2].upper()
        plain = (f"SYN{word}"[:10], f"SYN{word[:4]}{noun[:3]}")
        numbered = (f"SYN{word[:4]}{_base36(number, 3)}" for number in range(36**3))
        symbol = next(option for option in chain(plain, numbered) if option not in taken)
        taken.add(symbol)
        found.append(symbol)
    return found


def isin(number: int) -> str:
    """A well-formed equity ISIN (issuer Z..., security type 01) with its check digit."""
    stem = f"INEZ{_base36(number, 3)}01010"[:11]
    digits = [int(d) for character in stem for d in str(_DIGITS.index(character))]
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[::-1][::2])
    return f"{stem}{-(doubled + sum(digits[::-1][1::2])) % 10}"


def _base36(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
