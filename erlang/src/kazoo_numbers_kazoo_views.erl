%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The views that Kazoo makes of its classifiers.
%%
%% CouchDB builds an index again when a view has another text. So the stock module
%% makes the text, where there is one.
%% @end
-module(kazoo_numbers_kazoo_views).

-export([update_services_view/1, classifiers/1]).

-ignore_xref([{kapps_util, get_view_json, 2}
             ,{knm_converters, available_classifiers, 0}
             ,{kz_datamgr, db_view_update, 2}
             ,{kz_datamgr, open_doc, 2}
             ,{kz_json, get_keys, 1}
             ,{kz_json, set_values, 2}
             ]).

-define(NUMBERS_VIEW, <<"_design/numbers">>).
-define(SERVICES_VIEW, [<<"views">>, <<"reconcile_services">>]).

%% @doc Installs the view that counts the numbers of an account for its services.
-spec update_services_view(AccountDb :: binary()) -> ok.
update_services_view(AccountDb) ->
    _ = case kazoo_numbers_stock:module() of
            {ok, Stock} -> Stock:update_number_services_view(AccountDb);
            none -> update_view(AccountDb, design(AccountDb), configured())
        end,
    ok.

%% A view of Kazoo's stays while it has all classifiers that are configured.
update_view(AccountDb, Design, Classifiers) ->
    Map = kazoo_numbers_kazoo_json:value(?SERVICES_VIEW ++ [<<"map">>], Design),
    Reduce = kazoo_numbers_kazoo_json:value(?SERVICES_VIEW ++ [<<"reduce">>], Design),
    case kazoo_numbers_services_view:is_up_to_date(Classifiers, Map)
        andalso is_binary(Reduce)
    of
        true -> ok;
        false ->
            View = [{?SERVICES_VIEW ++ [<<"map">>], kazoo_numbers_services_view:map(Classifiers)}
                   ,{?SERVICES_VIEW ++ [<<"reduce">>], kazoo_numbers_services_view:reduce()}
                   ],
            Updated = kz_datamgr:db_view_update(AccountDb, [{?NUMBERS_VIEW, kz_json:set_values(View, Design)}]),
            Line = ["view updated for '", AccountDb, "': ", kazoo_numbers_reason:kind(Updated)],
            kazoo_numbers_output:say(kazoo_numbers_host_kazoo, [iolist_to_binary(Line)])
    end.

design(AccountDb) ->
    case kz_datamgr:open_doc(AccountDb, ?NUMBERS_VIEW) of
        {ok, Document} -> Document;
        {error, _Reason} -> element(2, kapps_util:get_view_json(kazoo_apps, <<"account/numbers.json">>))
    end.

%% @doc The JavaScript statements that do for the class of a number what `Match' returns
%% for it.
%% @end
-spec classifiers(Match :: fun((Class :: binary()) -> iodata())) -> iolist().
classifiers(Match) ->
    case kazoo_numbers_stock:module() of
        {ok, Stock} -> Stock:generate_js_classifiers(Match);
        none -> kazoo_numbers_services_view:classifiers(configured(), Match)
    end.

configured() ->
    Configured = knm_converters:available_classifiers(),
    [{Class, Regex}
     || Class <- kz_json:get_keys(Configured),
        Regex <- [kazoo_numbers_kazoo_json:value([Class, <<"regex">>], Configured)],
        is_binary(Regex)
    ].
