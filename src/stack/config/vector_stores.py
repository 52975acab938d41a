"""What run.yaml says of vector stores, in Llama Stack's words where it has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from stack.apis.vector_io import Metric
from stack.registry.spec import ConfigModel

REWRITE_PROMPT = (
    "Rewrite the question as a short search query: the words that a text with the answer would hold."
    " Write the query and nothing else."
)


class ModelChoice(ConfigModel):
    """A model, by its provider and the name it has there."""

    provider_id: str = Field("", description="The inference provider; left out: `model_id` is what callers say.")
    model_id: str = Field(min_length=1, description="The model's name at the provider.")

    @property
    def name(self) -> str:
        """What a request would say."""
        return f"{self.provider_id}/{self.model_id}" if self.provider_id else self.model_id


class EmbeddingChoice(ModelChoice):
    """An embedding model."""

    embedding_dimensions: int | None = Field(
        None, ge=1, description="Length of its vectors, where it can shorten them; left out: its own."
    )


class RewriteConfig(ConfigModel):
    """Who rewrites queries when a search asks for it."""

    model: ModelChoice = Field(description="The language model.")
    prompt: str = Field(REWRITE_PROMPT, min_length=1, description="What it is told before the query.")
    max_tokens: int = Field(100, ge=1, le=1000, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0, le=2, description="How freely it chooses words.")
    timeout_s: float = Field(10.0, gt=0, description="Longest wait for it, in seconds; then the search fails.")


class RetrievalConfig(ConfigModel):
    """How a search works unless it says otherwise."""

    default_search_mode: Literal["vector", "keyword", "hybrid"] = Field(
        "vector", description="By meaning, by words, or both."
    )
    default_reranker_strategy: Literal["rrf", "weighted"] = Field(
        "rrf", description="How the two lists of a hybrid search are joined: by rank or by score."
    )
    rrf_impact_factor: float = Field(60.0, gt=0, description="The k of `rrf`: how little the first ranks stand out.")
    weighted_search_alpha: float = Field(0.5, ge=0, le=1, description="The share of the vectors in `weighted`.")
    chunk_multiplier: int = Field(
        5, ge=1, le=20, description="Candidates per result, where lists are joined or a model ranks them."
    )


class IngestionConfig(ConfigModel):
    """How files are cut unless a request says otherwise."""

    default_chunk_size_tokens: int = Field(
        800, ge=100, le=4096, description="Largest chunk; less where the model does."
    )
    default_chunk_overlap_tokens: int = Field(400, ge=0, description="What neighbours share; at most half a chunk.")
    max_concurrent_files: int = Field(2, ge=1, le=64, description="Files that one process works on at once.")
    max_attempts: int = Field(3, ge=1, le=20, description="How often a file is tried before it fails.")

    @model_validator(mode="after")
    def _at_most_half(self) -> IngestionConfig:
        if self.default_chunk_overlap_tokens > self.default_chunk_size_tokens // 2:
            message = "`default_chunk_overlap_tokens` is more than half of `default_chunk_size_tokens`"
            raise PydanticCustomError("chunk_overlap", message)
        return self


class DeclaredStore(ConfigModel):
    """A store that is there from the start, made if need be."""

    vector_store_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", description="What callers say.")
    vector_store_name: str = Field("", description="A name to show; the id if left out.")
    provider_id: str = Field("", description="The vector_io provider; left out: the default one.")
    provider_vector_store_id: str = Field("", description="What the engine calls it; left out: the id.")
    embedding_model: str = Field("", description="The model, as callers say it; left out: the default one.")
    embedding_dimension: int | None = Field(None, ge=1, description="Length of its vectors; left out: the model's own.")
    metric: Metric = Field("cosine", description="How vectors are compared.")
    params: dict[str, Any] = Field(default_factory=dict, description="The engine's own settings of this store.")


class VectorStoresConfig(ConfigModel):
    """Vector stores: what holds where a request leaves it open, and stores that are always there."""

    default_provider_id: str = Field("", description="The vector_io provider of new stores; left out: the first.")
    default_embedding_model: EmbeddingChoice | None = Field(
        None, description="The embedding model of new stores; left out: the first that there is."
    )
    default_reranker_model: ModelChoice | None = Field(None, description="The model of `neural` rankers.")
    rewrite_query_params: RewriteConfig | None = Field(
        None, description="Who rewrites queries; left out: `rewrite_query` is refused."
    )
    chunk_retrieval_params: RetrievalConfig = Field(
        default_factory=RetrievalConfig, description="How a search works unless it says otherwise."
    )
    file_ingestion_params: IngestionConfig = Field(
        default_factory=IngestionConfig, description="How files are cut and worked on."
    )
    stores: list[DeclaredStore] = Field(default_factory=list, description="Stores that are there from the start.")
