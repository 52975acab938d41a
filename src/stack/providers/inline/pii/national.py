"""Numbers that states give to people: their forms, and the modules of python-stdnum that know their check digits."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", re.IGNORECASE)


class National(NamedTuple):
    """A row. module: below `stdnum`. score: as written with its separators or letters; bare: as mere digits, of which
    many would pass by chance; context: words beside it that make it certain."""

    name: str
    module: str
    pattern: str
    longest: int
    score: float
    bare: float
    context: str


NATIONAL: tuple[National, ...] = (
    National("ar_cuit", "ar.cuit", r"\d{2}-?\d{8}-?\d", 13, 0.8, 0.3, r"cuit|cuil"),
    National("at_vnr", "at.tin", r"\d{2}-?\d{3}/?\d{4}", 11, 0.4, 0.2, r"steuernummer|abgabenkonto"),
    National("au_tfn", "au.tfn", r"\d{3} ?\d{3} ?\d{3}", 11, 0.3, 0.2, r"\btfn\b|tax file"),
    National("be_national", "be.nn", r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}", 15, 0.9, 0.4,
             r"rijksregister|registre national|niss|insz|national number"),
    National("bg_egn", "bg.egn", r"\d{10}", 10, 0.3, 0.3, r"\begn\b|егн"),
    National("br_cnpj", "br.cnpj", r"\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}", 18, 0.95, 0.45, r"cnpj"),
    National("br_cpf", "br.cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", 14, 0.95, 0.4, r"\bcpf\b"),
    National("ca_sin", "ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", 11, 0.4, 0.2, r"\bsin\b|social insurance"),
    National("ch_ahv", "ch.ssn", r"756\.?\d{4}\.?\d{4}\.?\d{2}", 16, 0.95, 0.8, r"ahv|avs|sozialversicherung"),
    National("cl_rut", "cl.rut", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dKk]", 12, 0.8, 0.2, r"\brut\b|\brun\b"),
    National("cn_ric", "cn.ric", r"\d{17}[\dXx]", 18, 0.85, 0.85, r"身份证|resident id"),
    National("cz_rc", "cz.rc", r"\d{6}/?\d{3,4}", 11, 0.8, 0.2, r"rodn[eé]"),
    National("de_tax_id", "de.idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", 14, 0.7, 0.4, r"steuer|idnr|id-nr|tax id|\btin\b"),
    National("dk_cpr", "dk.cpr", r"\d{6}-?\d{4}", 11, 0.55, 0.2, r"\bcpr\b|personnummer"),
    National("ee_ik", "ee.ik", r"[1-6]\d{10}", 11, 0.35, 0.35, r"isikukood"),
    National("es_dni", "es.dni", r"\d{8}[ -]?[A-Za-z]", 10, 0.75, 0.75, r"\bdni\b|\bnif\b"),
    National("es_nie", "es.nie", r"[XYZxyz][ -]?\d{7}[ -]?[A-Za-z]", 11, 0.85, 0.85, r"\bnie\b"),
    National("fi_hetu", "fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", 11, 0.9, 0.9, r"hetu|henkil"),
    National("fr_nir", "fr.nir", r"[12] ?\d{2} ?[0-9]{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}", 21, 0.9, 0.7,
             r"s[eé]curit[eé] sociale|\bnir\b|insee"),
    National("gr_amka", "gr.amka", r"\d{11}", 11, 0.3, 0.3, r"amka|αμκα"),
    National("hr_oib", "hr.oib", r"\d{11}", 11, 0.3, 0.3, r"\boib\b"),
    National("ie_pps", "ie.pps", r"\d{7}[A-Wa-w][A-IWa-iw]?", 9, 0.55, 0.55, r"\bppsn?\b"),
    National("il_id", "il.idnr", r"\d{8}-?\d", 10, 0.3, 0.2, r"teudat|zehut|תעודת|israeli id"),
    National("in_aadhaar", "in_.aadhaar", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", 14, 0.75, 0.4, r"aadha+r|uidai|आधार"),
    National("in_pan", "in_.pan", r"[A-Za-z]{5}\d{4}[A-Za-z]", 10, 0.7, 0.7, r"\bpan\b"),
    National("is_kennitala", "is_.kennitala", r"\d{6}-?\d{4}", 11, 0.6, 0.2, r"kennitala"),
    National("it_codice_fiscale", "it.codicefiscale",
             r"(?i)[A-Z]{6} ?[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2} ?[A-Z][0-9L-NP-V]{3}[A-Z]", 18, 0.95, 0.95,
             r"codice fiscale"),
    National("jp_my_number", "jp.in_", r"\d{4}[ -]?\d{4}[ -]?\d{4}", 14, 0.3, 0.3, r"my number|マイナンバー|個人番号"),
    National("kr_rrn", "kr.rrn", r"\d{6}-?[1-8]\d{6}", 14, 0.8, 0.4, r"주민등록|\brrn\b"),
    National("lt_asmens", "lt.asmens", r"[3-6]\d{10}", 11, 0.35, 0.35, r"asmens kod"),
    National("mx_curp", "mx.curp", r"(?i)[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", 18, 0.95, 0.95, r"curp"),
    National("nl_bsn", "nl.bsn", r"\d{4}[. ]?\d{2}[. ]?\d{3}", 11, 0.45, 0.2, r"\bbsn\b|burgerservice|sofinummer"),
    National("no_fodselsnummer", "no.fodselsnummer", r"\d{6}[ -]?\d{5}", 12, 0.7, 0.55, r"f[oø]dselsn|personnummer"),
    National("nz_ird", "nz.ird", r"\d{2,3}-?\d{3}-?\d{3}", 11, 0.35, 0.2, r"\bird\b|inland revenue"),
    National("pl_pesel", "pl.pesel", r"\d{11}", 11, 0.45, 0.45, r"pesel"),
    National("pt_cc", "pt.cc", r"\d{8} ?\d ?[A-Z0-9]{2}\d", 14, 0.9, 0.4, r"cart[aã]o de cidad"),
    National("ro_cnp", "ro.cnp", r"[1-8]\d{12}", 13, 0.55, 0.55, r"\bcnp\b|cod numeric"),
    National("se_personnummer", "se.personnummer", r"(?:\d{2})?\d{6}[-+]?\d{4}", 13, 0.8, 0.3,
             r"personnummer|person-?nr"),
    National("si_emso", "si.emso", r"\d{13}", 13, 0.4, 0.4, r"em[sš]o|jmbg"),
    National("th_pin", "th.pin", r"\d[ -]?\d{4}[ -]?\d{5}[ -]?\d{2}[ -]?\d", 17, 0.9, 0.4, r"thai|บัตรประจำตัวประชาชน"),
    National("tr_tckn", "tr.tckimlik", r"[1-9]\d{10}", 11, 0.45, 0.45, r"kimlik|tckn"),
    National("ua_rntrc", "ua.rntrc", r"\d{10}", 10, 0.3, 0.3, r"рнокпп|\bіпн\b|rntrc"),
    National("uk_nhs", "gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", 12, 0.3, 0.3, r"\bnhs\b"),
    National("uk_nino", "", r"(?i)[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]", 13, 0.75, 0.75,
             r"\bnino?\b|national insurance"),
    National("us_itin", "us.itin", r"9\d{2}[ -]?\d{2}[ -]?\d{4}", 11, 0.7, 0.3, r"\bitin\b|taxpayer"),
    National("us_ssn", "us.ssn", r"\d{3}[ -]?\d{2}[ -]?\d{4}", 11, 0.85, 0.3, r"\bssns?\b|social security"),
    National("za_id", "za.idnr", r"\d{6} ?\d{4} ?\d{3}", 15, 0.7, 0.5, r"\bid (?:no|num)|identity n"),
)  # fmt: skip


def national_check(module: str) -> Callable[[str], int]:
    """The check of a module below `stdnum`, imported when first used; without one, that of British numbers."""
    return _nino if not module else lambda written: len(written) if _validator(module)(written) else 0


def _nino(written: str) -> int:
    """No check digit, but prefixes that are never given. Source: https://www.gov.uk/hmrc-internal-manuals, NIM39110"""
    return len(written) if _NINO.fullmatch(written.replace(" ", "")) else 0


@cache
def _validator(module: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = importlib.import_module(f"stdnum.{module}").is_valid
    return check
