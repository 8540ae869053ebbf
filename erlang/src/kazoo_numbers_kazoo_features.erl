%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The features that Kazoo allows on numbers: in the system config and on resellers.
-module(kazoo_numbers_kazoo_features).

-export([allowed/0, show_reseller/1, edit_reseller/4]).

-ignore_xref([{kapps_account_config, get_from_reseller, 3}
             ,{kapps_account_config, set, 4}
             ,{knm_providers, system_allowed_features, 0}
             ,{kz_services_reseller, get_id, 1}
             ]).

-define(FEATURES, [<<"failover">>
                  ,<<"force_outbound">>
                  ,<<"prepend">>
                  ,<<"ringback">>
                  ,<<"cnam">>
                  ,<<"inbound_cnam">>
                  ,<<"outbound_cnam">>
                  ,<<"e911">>
                  ,<<"port">>
                  ,<<"sms">>
                  ,<<"mms">>
                  ,<<"carrier_name">>
                  ]).

-type permission() :: allow | deny.

%% @doc The features that the system config allows, and those that this Kazoo allows by
%% default.
%% @end
-spec allowed() -> kazoo_numbers_host:answer().
allowed() ->
    %% In this order: Kazoo writes a default that it was asked for.
    IsConfigured = kazoo_numbers_kazoo_config:is_configured(path(allow))
        orelse kazoo_numbers_kazoo_config:is_configured([<<"providers">>]),
    Allowed = knm_providers:system_allowed_features(),
    {features, Allowed, defaults(IsConfigured, Allowed)}.

%% Kazoo's default list is in its code, and Kazoo answers with it only while nothing is
%% configured. Otherwise the defaults are all features that this Kazoo has: text messages
%% came later than the others.
defaults(false, Allowed) -> Allowed;
defaults(true, _Configured) ->
    [Feature || Feature <- ?FEATURES, not is_missing(Feature)].

is_missing(<<"sms">>) -> not has_module(knm_sms);
is_missing(<<"mms">>) -> not has_module(knm_mms);
is_missing(_Feature) -> false.

has_module(Module) -> code:ensure_loaded(Module) =:= {module, Module}.

%% @doc Prints the features that are allowed and denied on the reseller of an account.
-spec show_reseller(AccountId :: binary()) -> no_return.
show_reseller(AccountId) ->
    Reseller = kz_services_reseller:get_id(AccountId),
    say([["Feature permissions on reseller of ", AccountId, " (", io_lib:format("~ts", [Reseller]), "):"]
        ,["\tFeatures allowed: ", spaced(reseller_features(AccountId, allow))]
        ,["\tFeatures denied: ", spaced(reseller_features(AccountId, deny))]
        ]),
    no_return.

%% @doc Adds a feature to those that the reseller of an account is allowed or denied, or
%% removes it. Prints all of them.
%% @end
-spec edit_reseller(add | remove, permission(), Feature :: binary(), AccountId :: binary()) -> no_return.
edit_reseller(Edit, Permission, Feature, AccountId) ->
    case lists:member(Feature, ?FEATURES) of
        true ->
            Features = edited(Edit, Feature, reseller_features(AccountId, Permission)),
            Reseller = kz_services_reseller:get_id(AccountId),
            _ = kapps_account_config:set(Reseller, kazoo_numbers_kazoo_config:id(), path(Permission), Features),
            show_reseller(AccountId);
        false ->
            say([["Feature '", kazoo_numbers_arguments:shown(Feature), "' is not a known feature."]
                ,"Known features:"
                ,["\t", spaced(?FEATURES)]
                ]),
            no_return
    end.

edited(add, Feature, Features) -> lists:usort([Feature | Features]);
edited(remove, Feature, Features) -> lists:usort(lists:delete(Feature, Features)).

reseller_features(AccountId, Permission) ->
    case kapps_account_config:get_from_reseller(AccountId, kazoo_numbers_kazoo_config:id(), path(Permission)) of
        Features when is_list(Features) -> Features;
        _Unset -> []
    end.

path(allow) -> [<<"features">>, <<"allow">>];
path(deny) -> [<<"features">>, <<"deny">>].

spaced(Words) -> lists:join($\s, Words).

say(Lines) ->
    kazoo_numbers_output:say(kazoo_numbers_host_kazoo, [unicode:characters_to_binary(Line) || Line <- Lines]).
