"""What must hold between the parts of a run.yaml: APIs and providers, ids and those who name them, switches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel

from stack.config.models import ModelEntry, ProviderEntry, ProviderInstance, RunConfig, RunFile
from stack.config.placeholders import expand, parse, variables
from stack.config.report import Position, shown
from stack.config.shield_uses import ShieldUses
from stack.config.shields import ShieldEntry
from stack.config.source import Source, Word
from stack.config.typed import read_untyped, unset
from stack.config.yaml import Node, Scalar, Section, Series
from stack.errors import ConfigError, ProviderLoadError, nearest, quoted
from stack.registry.discovery import load_config_class, specs
from stack.registry.spec import API_NAMES, ProviderSpec

MODELS_API = "inference"  # the API whose providers serve `models`
SAFETY_API = "safety"  # the API whose providers run `shields`
VECTORS_API = "vector_io"  # the API whose providers hold `vector_stores`


class RunFileReader:
    """One run.yaml on its way to a RunConfig."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._report = source.report
        providers = source.root.get("providers")
        self._providers = providers.entries if isinstance(providers, Section) else {}
        self._first_uses: dict[tuple[str, str], tuple[str, int]] = {}
        self._off: dict[str, tuple[str, ...]] = {}
        self._off_shields: dict[str, tuple[str, ...]] = {}
        self._unreadable_ids = False
        self._needs: list[tuple[ProviderSpec, Position, str]] = []

    def config(self) -> RunConfig:
        """Raises: BadConfig."""
        written = self._source.read(RunFile, self._source.root, "")
        apis = self._apis(written)
        providers = {api: list(self._instances(api)) for api in self._providers if api in API_NAMES}
        self._check_needs(providers)
        shields = list(self._shields())
        models = list(self._models(ShieldUses(self._source, self._ids("shields"), self._off_shields)))
        self._check_default_shield()
        self._check_vector_stores()
        self._report.check()
        assert written is not None
        return RunConfig(
            self._report.file,
            written.image_name,
            apis,
            providers,
            models,
            written.server,
            written.storage,
            written.vector_stores,
            shields,
            written.safety,
        )

    def _apis(self, written: RunFile | None) -> list[str]:
        named: list[str] = []
        for name, said, at, path in self._named_apis(written):
            named.append(name)
            self._check_served(name, said, at, path)
        for api, entry in self._providers.items():
            path = f"providers.{shown(api)}"
            if api not in named and self._source.check_api(api, shown(api), entry.key_at, path):
                self._report.add(entry.key_at, path, f"`{api}` is not in `apis`: add it there, or remove its providers")
        return list(dict.fromkeys(named))

    def _named_apis(self, written: RunFile | None) -> Iterator[tuple[str, str, Position, str]]:
        """The APIs to serve: as `apis` lists them, else those that have providers."""
        node = self._source.root.get("apis")
        if isinstance(node, Series):
            for index, item in enumerate(node.items):
                if (word := self._source.word(item)) and word.text:
                    yield *word, f"apis[{index}]"
        elif isinstance(node, Scalar) and written and written.apis:
            for name in written.apis:
                yield name, name if name in node.text else shown(node.text), node.at, "apis"
        else:
            for api, entry in self._providers.items():
                yield api, shown(api), entry.key_at, f"providers.{shown(api)}"

    def _check_served(self, api: str, said: str, at: Position, path: str) -> None:
        node = self._providers[api].node if api in self._providers else None
        if self._source.check_api(api, said, at, path) and _is_empty(node):
            self._report.add(at, path, f"`{said}` has no providers: add some under `providers.{said}`, or leave it out")

    def _instances(self, api: str) -> Iterator[ProviderInstance]:
        for section, path in self._source.sections(self._providers[api].node, f"providers.{api}"):
            provider_id = self._source.word(section.get("provider_id"))
            if provider_id and provider_id.is_off:
                self._off |= _switch_of(section.get("provider_id"))
                continue
            self._source.read(ProviderEntry, section, path)
            self._unreadable_ids |= provider_id is None and "provider_id" in section.entries
            if provider_id:
                self._check_first(api, provider_id, f"{path}.provider_id")
            if instance := self._instance(api, provider_id.text if provider_id else "", section, path):
                yield instance

    def _instance(self, api: str, provider_id: str, section: Section, path: str) -> ProviderInstance | None:
        wanted, module = (self._source.word(section.get(key)) for key in ("provider_type", "module"))
        found = self._source.find(api, wanted, module, path) if wanted and wanted.text else None
        if not isinstance(found, ProviderSpec):
            self._expand_config(section, path)
        if wanted is None or found is None:
            return None
        if isinstance(found, ConfigError):
            spec = ProviderSpec(api, wanted.text, "Could not be loaded.", module.text if module else "")
            return ProviderInstance(api, provider_id, spec, None, found)
        self._needs.append((found, wanted.at, path))
        try:
            model = load_config_class(found)
        except ConfigError as error:
            self._expand_config(section, path)
            return ProviderInstance(api, provider_id, found, None, error)
        return self._configured(ProviderInstance(api, provider_id, found, None), model, section, path)

    def _configured(
        self, instance: ProviderInstance, model: type[BaseModel], section: Section, path: str
    ) -> ProviderInstance:
        node = section.get("config")
        if not isinstance(node, Section):
            node = Section({}, section.at)
        try:
            config = self._source.read(model, node, f"{path}.config")
        except Exception as error:  # a validator of someone else's may raise anything; the others shall serve
            reason = f"the settings of `{instance.spec.provider_type}` cannot be checked: {type(error).__name__}"
            return replace(instance, error=ProviderLoadError(f"{reason} (a bug in `{instance.spec.module}`)"))
        return replace(instance, config=config)

    def _expand_config(self, section: Section, path: str) -> None:
        """Missing variables are told even where nothing is known of the fields."""
        if node := section.get("config"):
            read_untyped(node, f"{path}.config", self._source.environ, self._report)

    def _check_first(self, kind: str, word: Word, path: str) -> None:
        first_path, line = self._first_uses.setdefault((kind, word.text), (path, word.at.line))
        if first_path != path:
            self._report.add(word.at, path, f"`{word.said}` is taken, first on line {line}: choose another")

    def _check_needs(self, providers: dict[str, list[ProviderInstance]]) -> None:
        for spec, at, path in self._needs:
            for api in spec.needs:
                if providers.get(api):
                    continue
                fix = ", which this version does not have: remove it"
                if api in API_NAMES:
                    able = quoted(other.provider_type for other in specs(api))
                    fix = f": add one of {able} under `providers.{api}`"
                self._report.add(
                    at, f"{path}.provider_type", f"`{spec.provider_type}` needs a provider of `{api}`{fix}"
                )

    def _shields(self) -> Iterator[ShieldEntry]:
        for section, path in self._source.sections(self._source.root.get("shields"), "shields"):
            shield_id, provider_id = (self._source.word(section.get(key)) for key in ("shield_id", "provider_id"))
            if any(word and word.is_off for word in (shield_id, provider_id)):
                self._off_shields |= _switched_off(section, shield_id)
                continue
            if shield_id:
                self._check_first("shields", shield_id, f"{path}.shield_id")
            entry = self._source.read(ShieldEntry, section, path)
            if provider_id:
                self._check_provider(provider_id, f"{path}.provider_id", SAFETY_API, "the shield")
            elif entry:
                self._choose_provider(entry, section, path)
            if entry:
                yield entry

    def _choose_provider(self, entry: ShieldEntry, section: Section, path: str) -> None:
        """The only provider of safety is that of a shield that names none."""
        ids = self._ids(SAFETY_API)
        if len(ids) == 1:
            entry.provider_id = ids[0]
        elif not self._unreadable_ids:
            fix = f"name one of {quoted(ids)}" if ids else "there is no provider of `safety`: add one"
            self._report.add(section.at, f"{path}.provider_id", f"required: {fix}")

    def _check_default_shield(self) -> None:
        section = self._source.root.get("safety")
        node = section.get("default_shield_id") if isinstance(section, Section) else None
        if (word := self._source.word(node)) and word.text and word.text not in self._ids("shields"):
            near = nearest(word.text, self._ids("shields")) or self._ids("shields")
            fix = f"did you mean {quoted(near)}?" if near else "add it under `shields`"
            self._report.add(word.at, "safety.default_shield_id", f"no shield `{word.said}`: {fix}")

    def _models(self, uses: ShieldUses) -> Iterator[ModelEntry]:
        for section, path in self._source.sections(self._source.root.get("models"), "models"):
            model_id, provider_id = (self._source.word(section.get(key)) for key in ("model_id", "provider_id"))
            if any(word and word.is_off for word in (model_id, provider_id)):
                continue
            if model_id:
                self._check_first("models", model_id, f"{path}.model_id")
            if provider_id:
                self._check_provider(provider_id, f"{path}.provider_id", MODELS_API, "the model")
            uses.check(section, path)
            if entry := self._source.read(ModelEntry, section, path):
                yield entry

    def _check_vector_stores(self) -> None:
        section = self._source.root.get("vector_stores")
        if not isinstance(section, Section):
            return
        if (default := self._source.word(section.get("default_provider_id"))) and default.text:
            self._check_provider(default, "vector_stores.default_provider_id", VECTORS_API, "the default")
        self._check_chosen_models(section)
        for store, path in self._source.sections(section.get("stores"), "vector_stores.stores"):
            if store_id := self._source.word(store.get("vector_store_id")):
                self._check_first("vector_stores", store_id, f"{path}.vector_store_id")
            if (provider_id := self._source.word(store.get("provider_id"))) and provider_id.text:
                self._check_provider(provider_id, f"{path}.provider_id", VECTORS_API, "the store")

    def _check_chosen_models(self, section: Section) -> None:
        """Models by a provider that is nowhere in the file; one that is off is missed by those alone who ask for it."""
        rewriter = section.get("rewrite_query_params")
        chosen = {f"default_{kind}_model": section.get(f"default_{kind}_model") for kind in ("embedding", "reranker")}
        if isinstance(rewriter, Section):
            chosen["rewrite_query_params.model"] = rewriter.get("model")
        for name, node in chosen.items():
            word = self._source.word(node.get("provider_id")) if isinstance(node, Section) else None
            if word and word.text and word.text not in self._off:
                self._check_provider(word, f"vector_stores.{name}.provider_id", MODELS_API, "the model")

    def _ids(self, kind: str) -> list[str]:
        """The ids met so far: of the providers of an API, of models, of shields."""
        return [name for known, name in self._first_uses if known == kind]

    def _check_provider(self, word: Word, path: str, api: str, who: str) -> None:
        ids = self._ids(api)
        if word.text in ids or self._unreadable_ids:
            return
        if names := self._off.get(word.text):
            problem = f"provider `{word.said}` is switched off because {unset(names)}, or switch {who} off as well"
        else:
            near = nearest(word.text, ids) or ids
            problem = f"no provider `{word.said}`: " + (
                f"did you mean {quoted(near)}?" if near else "none is switched on"
            )
        self._report.add(word.at, path, problem)


def _is_empty(node: Node | None) -> bool:
    return node is None or (isinstance(node, Series) and not node.items) or (isinstance(node, Scalar) and node.is_null)


def _switch_of(node: Node | None) -> dict[str, tuple[str, ...]]:
    """The id that an entry would have if its variables were set, and those variables."""
    if not isinstance(node, Scalar):
        return {}
    parts = parse(node.text)
    names = tuple(dict.fromkeys(variables(parts)))
    return {expand(parts, dict.fromkeys(names, "set"), []): names} if names else {}


def _switched_off(section: Section, shield_id: Word | None) -> dict[str, tuple[str, ...]]:
    """The shield that an entry would give, and the variables that it lacks."""
    if shield_id is None or shield_id.is_off:
        return _switch_of(section.get("shield_id"))
    names = next(iter(_switch_of(section.get("provider_id")).values()), ())
    return {shield_id.text: names}
