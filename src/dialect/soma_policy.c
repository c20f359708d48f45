
/*
 * Copyright (C) The ngx_soma authors
 *
 * Members of a request by which aggregators and servers that speak OpenAI's
 * API let their client choose another model, key or address, bound an answer
 * by another name, or have the provider search.  What the gateway checked
 * would not be what the provider reads.  Known are those of LiteLLM,
 * OpenRouter, Portkey, Vercel's gateway, Azure, vLLM, SGLang, LoRAX,
 * llama.cpp, Mistral, Groq, Together, Perplexity, xAI and Qwen; and those of
 * Anthropic's API by which it asks servers that the client names, or bills
 * somebody else.
 */


#include "soma_policy.h"


/* in the order of their lengths, so that a name is compared with few; in
 * small letters */
const soma_policy_t  soma_policies[SOMA_POLICIES] = {
    { soma_string("lora"), SOMA_POLICY_ROUTE },
    { soma_string("route"), SOMA_POLICY_ROUTE },
    { soma_string("engine"), SOMA_POLICY_ROUTE },
    { soma_string("models"), SOMA_POLICY_ROUTE },
    { soma_string("preset"), SOMA_POLICY_ROUTE },
    { soma_string("api_key"), SOMA_POLICY_ROUTE },
    { soma_string("api_url"), SOMA_POLICY_ROUTE },
    { soma_string("baseurl"), SOMA_POLICY_ROUTE },
    { soma_string("headers"), SOMA_POLICY_ROUTE },
    { soma_string("plugins"), SOMA_POLICY_TOOL },
    { soma_string("targets"), SOMA_POLICY_ROUTE },
    { soma_string("agent_id"), SOMA_POLICY_ROUTE },
    { soma_string("api_base"), SOMA_POLICY_ROUTE },
    { soma_string("api_type"), SOMA_POLICY_ROUTE },
    { soma_string("base_url"), SOMA_POLICY_ROUTE },
    { soma_string("endpoint"), SOMA_POLICY_ROUTE },
    { soma_string("model_id"), SOMA_POLICY_ROUTE },
    { soma_string("provider"), SOMA_POLICY_ROUTE },
    { soma_string("api_token"), SOMA_POLICY_ROUTE },
    { soma_string("client_id"), SOMA_POLICY_ROUTE },
    { soma_string("fallbacks"), SOMA_POLICY_ROUTE },
    { soma_string("lora_path"), SOMA_POLICY_ROUTE },
    { soma_string("maxtokens"), SOMA_POLICY_BOUND },
    { soma_string("n_predict"), SOMA_POLICY_BOUND },
    { soma_string("prompt_id"), SOMA_POLICY_ROUTE },
    { soma_string("providers"), SOMA_POLICY_ROUTE },
    { soma_string("tenant_id"), SOMA_POLICY_ROUTE },
    { soma_string("adapter_id"), SOMA_POLICY_ROUTE },
    { soma_string("deployment"), SOMA_POLICY_ROUTE },
    { soma_string("extra_body"), SOMA_POLICY_ROUTE },
    { soma_string("max_length"), SOMA_POLICY_BOUND },
    { soma_string("model_list"), SOMA_POLICY_ROUTE },
    { soma_string("ssl_verify"), SOMA_POLICY_ROUTE },
    { soma_string("web_search"), SOMA_POLICY_TOOL },
    { soma_string("api_version"), SOMA_POLICY_ROUTE },
    { soma_string("datasources"), SOMA_POLICY_ROUTE },
    { soma_string("extra_query"), SOMA_POLICY_ROUTE },
    { soma_string("max_gen_len"), SOMA_POLICY_BOUND },
    { soma_string("mcp_servers"), SOMA_POLICY_ROUTE },
    { soma_string("num_predict"), SOMA_POLICY_BOUND },
    { soma_string("region_name"), SOMA_POLICY_ROUTE },
    { soma_string("user_config"), SOMA_POLICY_ROUTE },
    { soma_string("virtual_key"), SOMA_POLICY_ROUTE },
    { soma_string("data_sources"), SOMA_POLICY_ROUTE },
    { soma_string("lora_request"), SOMA_POLICY_ROUTE },
    { soma_string("organization"), SOMA_POLICY_ROUTE },
    { soma_string("safety_model"), SOMA_POLICY_ROUTE },
    { soma_string("workspace_id"), SOMA_POLICY_ROUTE },
    { soma_string("aws_role_name"), SOMA_POLICY_ROUTE },
    { soma_string("cachedcontent"), SOMA_POLICY_ROUTE },
    { soma_string("client_secret"), SOMA_POLICY_ROUTE },
    { soma_string("deployment_id"), SOMA_POLICY_ROUTE },
    { soma_string("enable_search"), SOMA_POLICY_TOOL },
    { soma_string("extra_headers"), SOMA_POLICY_ROUTE },
    { soma_string("adapter_source"), SOMA_POLICY_ROUTE },
    { soma_string("azure_ad_token"), SOMA_POLICY_ROUTE },
    { soma_string("azure_endpoint"), SOMA_POLICY_ROUTE },
    { soma_string("bootstrap_host"), SOMA_POLICY_ROUTE },
    { soma_string("bootstrap_port"), SOMA_POLICY_ROUTE },
    { soma_string("cached_content"), SOMA_POLICY_ROUTE },
    { soma_string("litellm_params"), SOMA_POLICY_ROUTE },
    { soma_string("max_new_tokens"), SOMA_POLICY_BOUND },
    { soma_string("vertex_project"), SOMA_POLICY_ROUTE },
    { soma_string("aws_external_id"), SOMA_POLICY_ROUTE },
    { soma_string("aws_region_name"), SOMA_POLICY_ROUTE },
    { soma_string("compound_custom"), SOMA_POLICY_ROUTE },
    { soma_string("default_headers"), SOMA_POLICY_ROUTE },
    { soma_string("maxoutputtokens"), SOMA_POLICY_BOUND },
    { soma_string("override_params"), SOMA_POLICY_ROUTE },
    { soma_string("provideroptions"), SOMA_POLICY_ROUTE },
    { soma_string("user_profile_id"), SOMA_POLICY_ROUTE },
    { soma_string("vertex_location"), SOMA_POLICY_ROUTE },
    { soma_string("aws_profile_name"), SOMA_POLICY_ROUTE },
    { soma_string("aws_session_name"), SOMA_POLICY_ROUTE },
    { soma_string("aws_sts_endpoint"), SOMA_POLICY_ROUTE },
    { soma_string("provider_options"), SOMA_POLICY_ROUTE },
    { soma_string("aws_access_key_id"), SOMA_POLICY_ROUTE },
    { soma_string("aws_session_token"), SOMA_POLICY_ROUTE },
    { soma_string("default_fallbacks"), SOMA_POLICY_ROUTE },
    { soma_string("search_parameters"), SOMA_POLICY_TOOL },
    { soma_string("vertex_ai_project"), SOMA_POLICY_ROUTE },
    { soma_string("kv_transfer_params"), SOMA_POLICY_ROUTE },
    { soma_string("vertex_ai_location"), SOMA_POLICY_ROUTE },
    { soma_string("vertex_credentials"), SOMA_POLICY_ROUTE },
    { soma_string("web_search_options"), SOMA_POLICY_TOOL },
    { soma_string("custom_llm_provider"), SOMA_POLICY_ROUTE },
    { soma_string("input_cost_per_token"), SOMA_POLICY_ROUTE },
    { soma_string("max_tokens_to_sample"), SOMA_POLICY_BOUND },
    { soma_string("proxy_server_request"), SOMA_POLICY_ROUTE },
    { soma_string("aws_secret_access_key"), SOMA_POLICY_ROUTE },
    { soma_string("output_cost_per_token"), SOMA_POLICY_ROUTE },
    { soma_string("vertex_ai_credentials"), SOMA_POLICY_ROUTE },
    { soma_string("aws_web_identity_token"), SOMA_POLICY_ROUTE },
    { soma_string("mock_testing_fallbacks"), SOMA_POLICY_ROUTE },
    { soma_string("litellm_credential_name"), SOMA_POLICY_ROUTE },
    { soma_string("content_policy_fallbacks"), SOMA_POLICY_ROUTE },
    { soma_string("context_window_fallbacks"), SOMA_POLICY_ROUTE },
    { soma_string("aws_bedrock_runtime_endpoint"), SOMA_POLICY_ROUTE },
    { soma_string("context_window_fallback_dict"), SOMA_POLICY_ROUTE }
};


/* where the names of a length begin */
static const unsigned char  soma_policy_start[] = {
    0, 0, 0, 0, 0, 1, 2, 5, 11, 18, 27, 34, 43, 48, 54, 63, 72, 76, 81, 85, 86,
    89, 92, 94, 95, 97, 97, 97, 97, 99
};


int
soma_policy_find(const unsigned char *name, size_t len)
{
    unsigned    i;
    soma_str_t  s;

    if (len + 1 >= sizeof(soma_policy_start)) {
        return -1;
    }

    s.data = (unsigned char *) name;
    s.len = len;

    for (i = soma_policy_start[len];
         i < soma_policy_start[len + 1];
         i++)
    {
        if (((soma_policies[i].name.data[0] ^ name[0]) & 0xdf) == 0
            && soma_str_case_is(s, (const char *)
                                soma_policies[i].name.data))
        {
            return (int) i;
        }
    }

    return -1;
}


/* in the order of soma_object_e: as "allow" of a provider calls them */
const soma_str_t  soma_policy_objects[SOMA_OBJECTS] = {
    soma_string("previous_response_id"),
    soma_string("conversation"),
    soma_string("prompt"),
    soma_string("file_id"),
    soma_string("vector_store_ids"),
    soma_string("container"),
    soma_string("item_reference")
};
